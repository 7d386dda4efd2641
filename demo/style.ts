/** The shop's style sheet, in the colour of one origin (0-360, a hue of the colour wheel). */
export function style(hue: number): string {
  return `
  :root {
    color-scheme: light dark;
    --bright: oklch(62% 0.17 ${hue});
    --deep: oklch(50% 0.14 ${hue});
    --paper: light-dark(oklch(97.5% 0.012 ${hue}), oklch(20% 0.02 ${hue}));
    --card: light-dark(#fff, oklch(25% 0.025 ${hue}));
    --line: light-dark(oklch(90% 0.02 ${hue}), oklch(34% 0.03 ${hue}));
    --ink: light-dark(#1b2430, #e9edf2);
    --quiet: light-dark(#5c6675, #a3adba);
  }
  * { box-sizing: border-box; margin: 0 }
  body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
  h1 { font-size: 1.5rem; letter-spacing: -.01em }
  h2 { font-size: 1.15rem }
  h3 { font-size: 1rem }

  header {
    display: flex; flex-wrap: wrap; gap: .75rem; align-items: center;
    justify-content: space-between; padding: 1.5rem max(1.25rem, 50vw - 30rem);
    color: #fff; background: var(--deep);
  }
  .origin { padding: .4rem 1rem; border-radius: 2rem; color: #1b2430; background: #fff }
  .origin i {
    display: inline-block; width: .7rem; height: .7rem; margin-right: .5rem;
    border-radius: 50%; background: var(--bright);
  }
  .origin small { margin-left: .25rem; color: #5c6675 }

  main { display: grid; gap: 1.25rem; max-width: 62.5rem; margin: 0 auto; padding: 1.5rem 1.25rem }
  @media (min-width: 48rem) { main { grid-template-columns: 1fr 20rem } }
  .lost {
    grid-column: 1 / -1; padding: 1rem 1.25rem; border-radius: .75rem;
    border-left: .4rem solid #d9482b; color: #5b1a10; background: #ffe3dc;
  }
  .lost span { display: block; margin-top: .25rem; font-size: .9rem }
  .items {
    display: grid; gap: 1rem; align-content: start;
    grid-template-columns: repeat(auto-fill, minmax(min(13rem, 40%), 1fr));
  }
  .items form, .cart {
    padding: 1.25rem; border: 1px solid var(--line); border-radius: .75rem;
    background: var(--card);
  }
  svg {
    width: 100%; height: 5rem; margin-bottom: .75rem; fill: none; stroke: var(--bright);
    stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round;
  }
  form p, .hint, .empty { color: var(--quiet) }
  button {
    width: 100%; margin-top: .75rem; padding: .5rem; border: 0; border-radius: .5rem;
    font: inherit; font-weight: 600; color: #fff; background: var(--deep); cursor: pointer;
  }
  button:hover { filter: brightness(1.12) }
  button:focus-visible { outline: 3px solid var(--bright); outline-offset: 2px }

  .cart { align-self: start }
  .hint { margin-top: 1rem; font-size: .875rem }
  table { width: 100%; margin-top: .5rem; border-collapse: collapse }
  td { padding: .35rem .25rem }
  td:last-child { text-align: right; white-space: nowrap }
  tfoot td { border-top: 1px solid var(--line); font-weight: 600 }
  `;
}
