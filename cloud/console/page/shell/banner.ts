import type { App } from '../app.js';
import type { Connection } from '../api/live-feed.js';
import { formatLocal } from '../model/times.js';
import { h, replace, setText } from '../ui/h.js';
import { icon } from '../ui/icon.js';

/** Below the header while the API is away: since when, and when it is tried again. What was shown stays. */
export class Banner {
  private readonly countdown = h('span', { class: 'countdown' });
  private lastHeardUs = 0;

  constructor(
    private readonly app: App,
    private readonly host: HTMLElement,
  ) {}

  start(): void {
    const { live, pipeline } = this.app;
    pipeline.report.watch((report) => (this.lastHeardUs = report?.view.timeUs ?? 0));
    live.connection.follow((connection) => this.show(connection));
    setInterval(() => this.count(live.connection.value), 500);
  }

  private show(connection: Connection): void {
    const away = connection.state === 'away';
    document.body.classList.toggle('is-away', away);
    if (!away) return replace(this.host);
    this.count(connection);
    if (this.host.childElementCount > 0) return;
    const retry = h(
      'button',
      { type: 'button', class: 'button small', on: { click: () => this.app.live.retryNow() } },
      'Try now',
    );
    const since =
      this.lastHeardUs === 0
        ? 'Nothing has been received yet.'
        : `What you see is from ${formatLocal(this.lastHeardUs)}.`;
    const text = h('span', null, h('b', null, 'The Fieldline API is away. '), since);
    replace(this.host, h('div', { class: 'banner-in' }, icon('warning'), text, this.countdown, retry));
    this.app.announcer.say('The Fieldline API is away; trying again.', true);
  }

  private count(connection: Connection): void {
    if (connection.state !== 'away') return;
    const seconds = Math.ceil((connection.retryAtMs - performance.now()) / 1000);
    setText(this.countdown, seconds > 0 ? `Trying again in ${seconds} s` : 'Trying again…');
  }
}

/** The word in the header that tells whether data flows. */
export function followConnection(app: App, host: HTMLElement): void {
  const words = { connecting: 'connecting', live: 'live', away: 'away' } as const;
  const kinds = { connecting: 'quiet', live: 'ok', away: 'bad' } as const;
  let known = false;
  app.live.connection.follow(({ state }) => {
    host.className = `state connection ${kinds[state]}`;
    replace(
      host,
      h('span', { class: `dot ${state === 'live' ? 'pulse' : ''}` }),
      h('span', { class: 'connection-text' }, words[state]),
    );
    if (state === 'live' && known) app.announcer.say('Connected again');
    known = state === 'away';
  });
}
