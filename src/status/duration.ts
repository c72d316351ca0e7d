/** As kubectl prints ages: the two largest units while the first is small, `45s`, `3m10s`, `12m`, `5h2m`, `3d`. */
export function durationOf(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return joined([minutes, "m"], [seconds % 60, "s"]);
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return joined([hours, "h"], [minutes % 60, "m"]);
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 ? joined([days, "d"], [hours % 24, "h"]) : `${days}d`;
}

function joined(large: readonly [number, string], small: readonly [number, string]): string {
  return large.join("") + (small[0] === 0 ? "" : small.join(""));
}
