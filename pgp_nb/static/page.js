/** Puts the live figures where a page has a place for them: `<div class="pgp-live" data-figure="puppet">a still picture</div>`. */
import { personFigure, poseFigure, puppetFigure, readPuppet, readSheet } from "./live.js";

const FIGURES = { puppet: puppetFigure, person: personFigure, pose: poseFigure };

/** @param {string} name @returns {Promise<any>} */
async function read(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

/** People with the pictures of their textures. */
async function readPeople() {
  const people = await read("people.json");
  return Promise.all(people.map(async (/** @type {{name: string, file: string}} */ { name, file }) => {
    const image = new Image();
    image.src = new URL(file, import.meta.url).href;
    await image.decode();
    return { name, sheet: readSheet(image) };
  }));
}

/** The figures of a page in place of their still pictures, which stay where something is missing. */
async function start() {
  const hosts = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".pgp-live[data-figure]")]);
  if (!hosts.length) return;
  const dressed = hosts.some((host) => host.dataset.figure === "person");
  const [{ puppet, poses }, people] = await Promise.all([read("puppet.json"), dressed ? readPeople() : []]);
  const assets = { puppet: readPuppet(puppet), poses, people };
  for (const host of hosts) {
    const figure = FIGURES[/** @type {keyof typeof FIGURES} */ (host.dataset.figure)];
    if (!figure) continue;
    const still = [...host.childNodes];
    Object.assign(host, { figure: figure(host, assets) });
    still.forEach((node) => node.remove());
  }
}

start();
