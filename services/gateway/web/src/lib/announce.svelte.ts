/** What just happened, told to everybody: shown for a while, and read out. */

export interface Announcement {
  id: number;
  tone: 'good' | 'bad' | 'busy';
  text: string;
}

/** Long enough to be read twice; mistakes stay until they are closed or pushed out. */
const SHOWN_MS = 8_000;
/** More would cover the page. */
const SHOWN_MAX = 4;

class Announcer {
  shown = $state.raw<Announcement[]>([]);
  #next = 1;

  /** Tells something; what is `bad` stays until it is closed. */
  tell(text: string, tone: Announcement['tone'] = 'good'): void {
    const id = this.#next++;
    this.shown = [...this.shown, { id, tone, text }].slice(-SHOWN_MAX);
    if (tone !== 'bad') setTimeout(() => this.close(id), SHOWN_MS);
  }

  close(id: number): void {
    this.shown = this.shown.filter((one) => one.id !== id);
  }
}

export const announcer = new Announcer();
