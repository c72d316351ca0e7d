/**
 * Runs in which the controller once did wrong. Their steps were shortened; they mean what they did as long as the player
 * takes them as it does now.
 */
export interface Regression {
  readonly was: string;
  readonly seed: number;
  /** Seconds. */
  readonly lag: { readonly describe: number; readonly create: number };
  /** As a shortened run is told. */
  readonly steps: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    was: "The request of a pod that had gone was dropped while its branch was being made, and its VLAN id given away.",
    seed: 3185,
    lag: { describe: 13, create: 0 },
    steps:
      "describe 482426, create pod 667578, pass 120901, finish call 482786, describe 999812, finish call 479941, create pod 1004100, finish call 567701, deliver 655513, deliver 659858, pass 384339, finish call 540375, pass 812227, deliver 236633, finish call 564045, finish call 960890, wait 556199, deliver 404819, wait 912254, wait 671748, pass 288427, finish call 125643, finish call 373388, wait 951178, deliver 77149, pass 821360, finish call 584903, pass 12883, finish call 848420, pass 246597, finish call 130705, finish call 1016500, pass 141329, wait 409846, finish call 495178, create pod 100070, finish call 452902, finish call 540493, wait 476268, deliver 724206, deliver 1009430, create pod 485982, pass 499359, finish call 88333, finish call 246756, pass 884850, finish call 185853, finish call 472296, finish call 47424, crash 827294, wait 140545, create pod 817737, end pod 71798, create pod 413611, describe 558816, wait 1038477, describe 521766, finish call 635200, finish call 770954, create pod 1041033, deliver 519371, pass 833626, finish call 736863, pass 82769, finish call 184070, finish call 746779, finish call 449525, delete pod 293218, pass 657359",
  },
  {
    was: "Two branches had tags of the same VLAN id, and each kept the other from its pod for ever.",
    seed: 3293,
    lag: { describe: 14, create: 2 },
    steps:
      "describe 411649, pass 171776, lose answer 512938, lose answer 513183, create pod 524013, describe 211327, deliver 407204, deliver 822980, finish call 52788, finish call 930812, pass 374677, finish call 86196, pass 1011548, finish call 435620, wait 462735, wait 1032919, create pod 983648, wait 938342, wait 429622, create pod 753860, pass 792142, finish call 256715, wait 631677, deliver 409395, pass 635705, deliver 142037, finish call 1045783, deliver 787234, create pod 639393, pass 341769, deliver 91614, finish call 847829, pass 1013892, finish call 740329, finish call 808382, finish call 119326, finish call 618362, pass 288412, finish call 880603, crash 727729, describe 639246, describe 19655, finish call 473599, finish call 996915, pass 869873, finish call 720146, pass 282218, finish call 867387, finish call 801680, finish call 1040463, pass 760546, create pod 686023, create pod 596775, create pod 376792, finish call 727943, wait 539110, create pod 142856, crash 537303, wait 931498, wait 335945, create pod 743152, wait 962274, wait 701510, create pod 745100",
  },
  {
    was: "The answer of SetGroups was lost and the policy changed back: the pod got the groups of in between.",
    seed: 15,
    lag: { describe: 0, create: 0 },
    steps:
      "pass 96, lose answer 658, describe 214, pass 721, describe 766, finish call 259, lose answer 892, finish call 21, deliver 575, pass 409, wait 379, finish call 75, pass 272, finish call 142, finish call 9, pass 671, finish call 2, wait 25, deliver 104, pass 793, finish call 337, pass 158, edit policy 539, create pod 663, finish call 940, pass 201, deliver 605, finish call 498, finish call 16, deliver 693, deliver 345, deliver 931, create pod 707, pass 812, deliver 262, finish call 973, describe 954, edit policy 943, pass 591, finish call 249, deliver 241, finish call 699, pass 786, edit policy 257, finish call 533, finish call 730, wait 678, pass 910, finish call 62, lose answer 544, deliver 331, wait 670, finish call 297, pass 194, finish call 973",
  },
  {
    was: "The same with a crash: a used token was answered with the groups that the branch was made with.",
    seed: 154,
    lag: { describe: 10, create: 0 },
    steps:
      "describe 630, pass 660, describe 677, finish call 945, create pod 238, finish call 397, finish call 65, create pod 769, deliver 756, deliver 3, deliver 508, create pod 530, deliver 804, create pod 7, deliver 468, pass 274, finish call 629, pass 704, edit policy 608, finish call 978, finish call 234, finish call 366, wait 249, create pod 173, create pod 132, deliver 241, deliver 841, deliver 177, pass 719, finish call 720, wait 385, wait 438, pass 754, finish call 652, pass 439, deliver 55, finish call 985, deliver 589, pass 68, create pod 106, deliver 712, finish call 321, finish call 739, finish call 966, lose answer 274, edit policy 264, finish call 880, pass 604, finish call 387, pass 265, describe 205, finish call 631, refuse call 368, pass 193, deliver 352, deliver 551, finish call 733, lose answer 259, pass 920, finish call 8, edit policy 356, crash 297",
  },
];
