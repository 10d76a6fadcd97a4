// The rules for the scripts in pgp_nb/static: npx eslint --config tests/js/eslint.config.mjs pgp_nb/static tests/js
const browser = ["atob", "cancelAnimationFrame", "document", "fetch", "Image", "IntersectionObserver", "matchMedia", "performance", "requestAnimationFrame", "structuredClone", "URL", "window"];
const node = ["process", "URL", "console"];
const names = (list) => Object.fromEntries(list.map((name) => [name, "readonly"]));
const rules = {
  "no-undef": "error", "no-unused-vars": "error", "prefer-const": "error", "no-var": "error", eqeqeq: "error", "no-shadow": "error",
  "no-unreachable": "error", "no-redeclare": "error", "no-fallthrough": "error", "no-self-assign": "error", "no-dupe-keys": "error",
  "no-implicit-globals": "error", "no-eval": "error", "consistent-return": "off", "no-use-before-define": ["error", { functions: false, variables: false }],
};
export default [
  { files: ["pgp_nb/static/*.js"], languageOptions: { globals: names(browser) }, rules },
  { files: ["tests/js/*.mjs"], languageOptions: { globals: names(node) }, rules },
];
