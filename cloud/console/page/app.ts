import type { ApiClient } from './api/client.js';
import type { LiveFeed } from './api/live-feed.js';
import type { Palette } from './charts/palette.js';
import type { Scope } from './model/scope.js';
import type { ServerClock } from './model/server-clock.js';
import type { Route } from './model/url-state.js';
import type { AlertData } from './state/alert-data.js';
import type { FleetData } from './state/fleet-data.js';
import type { PipelineData } from './state/pipeline-data.js';
import type { Announcer } from './ui/announcer.js';
import type { FrameLoop } from './ui/frames.js';
import type { ThemeSwitch } from './ui/theme.js';

/** What every view works with. */
export interface App {
  readonly api: ApiClient;
  readonly live: LiveFeed;
  readonly clock: ServerClock;
  /** Where live charts end, in milliseconds: the present, or while the API is away the moment it left. */
  readonly presentMs: () => number;
  readonly frames: FrameLoop;
  readonly fleet: FleetData;
  readonly alerts: AlertData;
  readonly pipeline: PipelineData;
  readonly theme: ThemeSwitch;
  readonly announcer: Announcer;
  /** The colours of the present theme. */
  readonly palette: () => Palette;
  /** Goes to a fragment such as `#/devices`; `replace` leaves no step to go back to. */
  readonly go: (hash: string, replace?: boolean) => void;
  /** What a view wants to find again when it is opened anew: sortings and filters. */
  readonly memory: Map<string, unknown>;
}

/** One page of the console, made anew each time it is opened. */
export interface View {
  readonly title: string;
  readonly element: HTMLElement;
  /** The address changed within the view; false if the view must be made anew. */
  update?(route: Route): boolean;
}

/** Builds a view; what it starts ends with the scope. */
export type OpenView<R extends Route = Route> = (app: App, route: R, scope: Scope) => View;
