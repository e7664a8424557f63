// What the pages show in each state, while the slowest of them takes its two minutes beside the others.

import { describe } from "node:test";

import { expiry } from "./expiry.mjs";
import { pictures } from "./pictures.mjs";
import { reload } from "./reload.mjs";

describe("states", { concurrency: 2 }, () => {
  describe("expiry", expiry);
  describe("one after another", { concurrency: 1 }, () => {
    describe("pictures", pictures);
    describe("reload", reload);
  });
});
