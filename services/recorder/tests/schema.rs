//! The schema that the migrations end in, and what a database that cannot be opened is answered with.

#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use arena_recorder::database::{Address, Database};
use arena_testkit::{free_port, temp_dir};
use common::{Backend, backends};
use expect_test::expect_file;
use sea_orm::{ConnectionTrait, Statement};

async fn lines(backend: &Backend, sql: &str) -> String {
    let look = backend.look().await;
    let statement = Statement::from_string(look.get_database_backend(), sql);
    let rows = look.query_all_raw(statement).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get::<String>("", "line").unwrap())
        .collect();
    look.close().await.unwrap();
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn the_schema_is_as_written_down() {
    for backend in backends() {
        // Twice: the second one finds nothing to do.
        backend.open().await.close().await.unwrap();
        backend.open().await.close().await.unwrap();
        match &backend {
            Backend::Sqlite(_) => {
                let sql = "SELECT sql AS line FROM sqlite_schema \
                           WHERE sql IS NOT NULL AND name NOT LIKE 'sea%' AND name NOT LIKE 'sqlite%' ORDER BY name";
                expect_file!["schema/sqlite.sql"].assert_eq(&lines(&backend, sql).await);
                let journal = lines(
                    &backend,
                    "SELECT journal_mode AS line FROM pragma_journal_mode",
                );
                assert_eq!(journal.await, "wal\n");
            }
            Backend::Postgres(_) => {
                let sql = "SELECT * FROM ( \
                           SELECT table_name || '.' || column_name || ' ' || data_type \
                             || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END AS line \
                           FROM information_schema.columns \
                           WHERE table_schema = 'public' AND table_name NOT LIKE 'sea%' \
                           UNION ALL SELECT indexdef FROM pg_indexes \
                           WHERE schemaname = 'public' AND tablename NOT LIKE 'sea%' \
                           ) AS all_lines ORDER BY line COLLATE \"C\"";
                expect_file!["schema/postgres.txt"].assert_eq(&lines(&backend, sql).await);
            }
        }
    }
}

async fn refusal(url: &str) -> String {
    let address: Address = url.parse().unwrap();
    let error = Database::open(&address).await.unwrap_err().to_string();
    assert!(error.contains("\n  mend: "), "{error}");
    error
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_the_mend() {
    let folder = temp_dir();
    let file = folder.path().join("arena.db");
    std::fs::write(
        &file,
        "this is a letter, and no database; it is long enough to have a header",
    )
    .unwrap();
    let error = refusal(&format!("sqlite:{}", file.display())).await;
    assert!(error.contains("is damaged"), "{error}");
    assert!(error.contains("arena.db"), "{error}");
    // It is not touched.
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("this is a letter")
    );
}

#[tokio::test]
async fn a_path_that_cannot_be_is_refused_with_the_mend() {
    let folder = temp_dir();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.join("arena.db"), folder.path().to_owned()] {
        let error = refusal(&format!("sqlite:{}", path.display())).await;
        assert!(error.contains("give a path in a folder"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_somebody_locks_is_refused_with_the_mend() {
    let folder = temp_dir();
    let backend = Backend::Sqlite(folder);
    backend.open().await.close().await.unwrap();
    let look = backend.look().await;
    look.execute_unprepared("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .await
        .unwrap();
    let error = refusal(&backend.url()).await;
    assert!(error.contains("holds a lock"), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    for backend in backends() {
        backend.open().await.close().await.unwrap();
        let look = backend.look().await;
        look.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m9999_from_the_future', 0)")
            .await
            .unwrap();
        look.close().await.unwrap();
        let error = refusal(&backend.url()).await;
        assert!(error.contains("another version of Arena"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_refused_with_the_mend() {
    let port = free_port();
    let error = refusal(&format!("postgres://arena:s3cret@127.0.0.1:{port}/arena")).await;
    assert!(error.contains("is PostgreSQL running there"), "{error}");
    assert!(error.contains(&port.to_string()), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_wrong_login_or_database_is_refused_with_the_mend_and_without_the_password() {
    for backend in backends() {
        let Backend::Postgres(server) = &backend else {
            continue;
        };
        let error = refusal(&server.url.replace(server.password, "wr0ng")).await;
        assert!(error.contains("check user and password"), "{error}");
        assert!(!error.contains("wr0ng"), "{error}");
        let error = refusal(
            &server
                .url
                .replace("/postgres", "/nowhere")
                .replace("nowhere://", "postgres://"),
        )
        .await;
        assert!(error.contains("createdb"), "{error}");
        assert!(!error.contains(server.password), "{error}");
    }
}
