/** For so long EC2 may not know yet what it has just made: that it is gone is not believed of a younger one. */
export const YOUNG_MS = 120_000;
