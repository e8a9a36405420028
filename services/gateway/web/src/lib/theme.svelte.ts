/** Light, dark, or as the system has it; remembered. */

export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'arena.theme';

class ThemeChoice {
  value = $state<Theme>(remembered());

  constructor() {
    this.#show();
  }

  set(theme: Theme): void {
    this.value = theme;
    this.#show();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage may be off: then it holds for this visit.
    }
  }

  #show(): void {
    if (this.value === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.value;
  }
}

function remembered(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}

export const theme = new ThemeChoice();
