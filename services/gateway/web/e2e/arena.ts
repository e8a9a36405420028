/**
 * A whole arena for the browser tests: the real `arena` binary on ports and in a folder of its own, ended with the tests.
 *
 * `ARENA_BIN` names the binary; else the newest of target/debug and target/release is taken.
 */
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../../..');
const DEFAULT_ARENA = join(REPOSITORY, 'services/lib/config/src/default-arena.toml');

/** What a command of `arena` gave. */
export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** One process of the arena, as `arena.json` has it. */
interface Member {
  name: string;
  pid: number;
}

export class Arena {
  /** Where the dashboard is. */
  readonly url: string;

  private constructor(
    private readonly binary: string,
    private readonly folder: string,
    private readonly natsUrl: string,
    gatewayPort: number,
  ) {
    this.url = `http://127.0.0.1:${gatewayPort}`;
  }

  /** Starts the built-in shop with faults on, and waits until all is healthy. */
  static async start(): Promise<Arena> {
    const config = readFileSync(DEFAULT_ARENA, 'utf8');
    const services = config.match(/^port = /gm)?.length ?? 0;
    const [nats = 0, gateway = 0, viewer = 0, ...ports] = await freePorts(3 + services);
    const arena = new Arena(binary(), mkdtempSync(join(tmpdir(), 'arena-e2e-')), `nats://127.0.0.1:${nats}`, gateway);
    writeFileSync(arena.config, withPorts(config, ports));
    const windows = ['--gateway-port', String(gateway), '--viewer-port', String(viewer)];
    const up = await arena.run('up', '-d', '--wait', '--chaos', '--config', arena.config, ...windows);
    if (up.code !== 0) {
      await arena.stop();
      throw new Error(`arena up ended with ${up.code}:\n${up.stderr}`);
    }
    return arena;
  }

  /** Runs a command of `arena` against this arena. */
  run(...args: string[]): Promise<Answer> {
    // What the terminal of a test runner is must not change what is printed.
    const environment = { ...process.env, NATS_URL: this.natsUrl, ARENA_DATA_DIR: this.folder, NO_COLOR: '1' };
    const options = { env: environment, cwd: this.folder, timeout: 90_000 };
    return new Promise((done) => {
      execFile(this.binary, args, options, (error: ExecFileException | null, stdout, stderr) => {
        done({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
      });
    });
  }

  /** The same for a command that must go well. */
  async must(...args: string[]): Promise<string> {
    const answer = await this.run(...args);
    if (answer.code !== 0) throw new Error(`arena ${args.join(' ')} ended with ${answer.code}:\n${answer.stderr}`);
    return answer.stdout;
  }

  /** Kills one of its processes as a crash would; `arena up` starts it again. */
  kill(name: string): void {
    process.kill(this.pid(name), 'SIGKILL');
  }

  /** Holds a process still: it neither answers nor ends. */
  freeze(name: string): () => void {
    const pid = this.pid(name);
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Stops it all and removes its folder. */
  async stop(): Promise<void> {
    await this.run('down');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get config(): string {
    return join(this.folder, 'arena.toml');
  }

  private pid(name: string): number {
    const record = JSON.parse(readFileSync(join(this.folder, 'arena.json'), 'utf8')) as { members: Member[] };
    const member = record.members.find((one) => one.name === name);
    if (!member) throw new Error(`no ${name} in arena.json`);
    return member.pid;
  }
}

function binary(): string {
  const target = process.env.CARGO_TARGET_DIR ?? join(REPOSITORY, 'target');
  const built = ['debug', 'release'].map((profile) => join(target, profile, 'arena')).filter((path) => existsSync(path));
  const newest = built.sort((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs)[0];
  const found = process.env.ARENA_BIN ?? newest;
  if (!found) throw new Error('no arena binary: cargo build --workspace --bins, or set ARENA_BIN');
  return found;
}

/**
 * Ports that nobody has now, each another one, below those that the system hands out by itself and those that `arena run` and the tests in Rust
 * take (20,000 and up): what is started meanwhile gets none of them.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = 10_000 + Math.floor(Math.random() * 9_000); ports.length < count; port += 1) {
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer().on('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

/** The same arena on other ports, so that it does not meet one that runs. */
function withPorts(config: string, ports: number[]): string {
  let next = 0;
  return config.replace(/(?<=^port = )\d+/gm, () => String(ports[next++]));
}
