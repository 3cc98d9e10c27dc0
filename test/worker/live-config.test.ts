import { expect, it } from "vitest";
import { loadServeConfig } from "../../server/src/config/load.ts";
import type { ServeConfig } from "../../server/src/config/serve-config.ts";
import { LiveConfig } from "../../server/src/worker/live-config.ts";

const config = (depth: number): ServeConfig => loadServeConfig({ "max-depth": String(depth) }, {});

it("is what was announced last, whatever comes twice, late or not at all", () => {
  const live = new LiveConfig({ config: config(1), revision: 1 });
  const heard: [number, number][] = [];
  live.onChange((after, before) => heard.push([before.maxDepth, after.maxDepth]));
  for (const revision of [1, 3, 3, 2, 1, 5]) live.take({ config: config(revision), revision });
  expect(live.current.maxDepth).toBe(5);
  expect(heard).toEqual([
    [1, 3],
    [3, 5],
  ]);
});
