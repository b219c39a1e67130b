//  /api/v1/live ──► LiveFeed ──► pipeline, fleet, alerts ──► views ──► charts
//  /api/v1/…    ──► ApiClient ──────┴── tracks ───────────────┘
//
// One stream and one client feed the data; the router shows one view of it at a time.
import { retryDelays } from '#core/runtime/retry.js';
import type { App } from './app.js';
import { ApiClient } from './api/client.js';
import { LiveFeed } from './api/live-feed.js';
import { readPalette } from './charts/palette.js';
import { storageOrMemory } from './model/memory-storage.js';
import { ServerClock } from './model/server-clock.js';
import { Banner, followConnection } from './shell/banner.js';
import { buildHelp } from './shell/help.js';
import { Keys } from './shell/keys.js';
import { Router } from './shell/router.js';
import { followRaised, Toasts } from './shell/toasts.js';
import { AlertData } from './state/alert-data.js';
import { FleetData } from './state/fleet-data.js';
import { PipelineData } from './state/pipeline-data.js';
import { Announcer } from './ui/announcer.js';
import { FrameLoop } from './ui/frames.js';
import { ThemeSwitch } from './ui/theme.js';
import { refreshAges } from './ui/time.js';

const byId = (id: string): HTMLElement => document.getElementById(id)!;
const storage = storageOrMemory(() => localStorage);
const clock = new ServerClock(() => Date.now());
const api = new ApiClient({ fetch: fetch.bind(window), base: '/api/v1', timeoutMs: 20_000 });
const schedule = { firstMs: 500, maxMs: 15_000, jitter: 0.3 };
const live = new LiveFeed({
  url: '/api/v1/live',
  open: (url) => new EventSource(url),
  delays: () => retryDelays(schedule, Math.random),
  silentMs: 6000,
});
const theme = new ThemeSwitch(storage);
let palette = readPalette();
theme.current.watch(() => (palette = readPalette()));

const app: App = {
  api,
  live,
  clock,
  presentMs: () => clock.nowUs() / 1000 - live.awayMs(),
  frames: new FrameLoop(),
  fleet: new FleetData(api, live),
  alerts: new AlertData(api, live),
  pipeline: new PipelineData(api, live, clock),
  theme,
  announcer: new Announcer(byId('polite'), byId('urgent')),
  palette: () => palette,
  go: (hash, replaceStep = false) => (replaceStep ? location.replace(hash) : location.assign(hash)),
  memory: new Map(),
};

const keys = new Keys(
  {
    go: app.go,
    help: () => help.showModal(),
    theme: () => app.announcer.say(`${theme.toggle()} theme`),
    search: () => document.querySelector<HTMLElement>('[data-search]')?.focus(),
  },
  storage,
);
const help = buildHelp(keys);
document.body.append(help);
// Its target would be taken for a route.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('view').focus();
});
byId('theme').addEventListener('click', () => theme.toggle());
byId('help').addEventListener('click', () => help.showModal());

new Banner(app, byId('banner')).start();
new Toasts(app, byId('toasts')).start();
followConnection(app, byId('connection'));
followRaised(app, byId('raised'));
for (const part of [app.pipeline, app.fleet, app.alerts, keys]) part.start();
new Router(app, byId('view'), byId('title')).start();
live.start();
setInterval(() => refreshAges(document, clock.nowUs()), 1000);
