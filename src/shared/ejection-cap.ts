/**
 * How many origins of a pool may be out by observation at once: the configured share, but one of two
 * may go, and never the only one. Pure.
 */
export function ejectionCap(origins: number, share: number): number {
  return origins < 2 || share === 0 ? 0 : Math.max(1, Math.floor(origins * share));
}
