/** Puts the live figures where a page has a place for them: `<div class="pgp-live" data-figure="puppet">a still picture</div>`. */
import { puppetFigure, readPuppet } from "./live.js";

const FIGURES = { puppet: puppetFigure };

/** @param {string} name @returns {Promise<any>} */
async function read(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

/** The figures of a page in place of their still pictures, which stay where something is missing. */
async function start() {
  const hosts = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".pgp-live[data-figure]")]);
  if (!hosts.length) return;
  const { puppet, poses } = await read("puppet.json"), assets = { puppet: readPuppet(puppet), poses };
  for (const host of hosts) {
    const figure = FIGURES[/** @type {"puppet"} */ (host.dataset.figure)];
    if (!figure) continue;
    const still = [...host.childNodes];
    Object.assign(host, { figure: figure(host, assets) });
    still.forEach((node) => node.remove());
  }
}

start();
