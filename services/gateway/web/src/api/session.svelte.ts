/**
 * The token of this visit. In memory only: never in a URL, in storage or on the page; gone with the tab.
 */
class Session {
  token = '';
  /** Somebody waits for the person to type it. */
  asking = $state(false);
  /** The last one was refused. */
  wasWrong = $state(false);
  #answer: ((given: boolean) => void)[] = [];

  /** Asks the person, once for all who wait. False: they gave none. */
  askForToken(): Promise<boolean> {
    this.wasWrong = this.token !== '';
    this.asking = true;
    return new Promise((done) => this.#answer.push(done));
  }

  /** What the person typed; null when they would not. */
  give(token: string | null): void {
    if (token !== null) this.token = token;
    this.asking = false;
    for (const done of this.#answer.splice(0)) done(token !== null);
  }
}

export const session = new Session();
