/**
 * Runs in which the controller once did wrong. Their steps were shortened. A run means what it did only as long as the
 * controller makes the same calls in the same order: beside each there is a test of the part that was wrong.
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
    seed: 349,
    lag: { describe: 9, create: 0 },
    steps:
      "complete caches 549425, pass 1012621, finish call 240280, finish call 793897, deliver 455634, describe 366477, finish call 1006254, finish call 682911, pass 913492, finish call 482446, pass 237651, finish call 599972, finish call 149384, wait 73290, deliver 159715, pass 870651, finish call 69962, wait long 691285, finish call 708688, pass 828155, create pod 49334, finish call 827232, pass 497024, crash 295617, describe 355950, wait long 183829, finish call 227504, finish call 172026, describe 827638, pass 220956, complete caches 791078, finish call 199654, finish call 314921, create pod 333169, deliver 533777, deliver 857672, pass 729152, finish call 874517, deliver 187900, create pod 610116, deliver 261127, pass 112850, finish call 80368, finish call 906517, finish call 635367, pass 348011, crash 771804, describe 157691, finish call 1002275, finish call 868509, describe 641149, pass 894688, finish call 375152, wait long 965212",
  },
  {
    was: "Two branches had tags of the same VLAN id, and each kept the other from its pod for ever.",
    seed: 422,
    lag: { describe: 7, create: 2 },
    steps:
      "complete caches 750520, describe 476155, finish call 813339, finish call 908695, pass 180397, finish call 695258, finish call 653008, deliver 593327, pass 324849, finish call 850463, finish call 827455, wait long 191164, deliver 289749, pass 325815, finish call 438681, create pod 156030, create pod 386452, deliver 1028649, finish call 56260, wait long 792358, pass 888512, finish call 453924, wait long 589532, finish call 834644, pass 300419, finish call 315537, create pod 431357, deliver 675784, pass 858383, crash 108459, create pod 300018, wait long 600877, describe 870799, finish call 882112, create pod 419519, deliver 301152, create pod 515432, deliver 619302, deliver 734691, finish call 222734, pass 789907, describe 206330, deliver 337850, create pod 1012925, deliver 102283, pass 332949, lose request 494399, finish call 1018564, pass 835710, crash 233234, describe 306990, finish call 218299, finish call 31209, deliver 975520, create pod 681357, pass 656460, deliver 121219, deliver 391143, create pod 907229, deliver 240574, pass 737253, describe 690506, finish call 604709, deliver 229522, pass 794919, finish call 632005, create pod 1040048, wait long 1022054, crash 326044",
  },
  {
    was: "The answer of SetGroups was lost and the policy changed back: the pod got the groups of in between.",
    seed: 1,
    lag: { describe: 5, create: 0 },
    steps:
      "complete caches 308780, describe 924032, pass 534835, finish call 981356, finish call 738612, deliver 174333, finish call 170931, finish call 407220, deliver 123310, pass 689492, finish call 150710, finish call 708426, pass 122514, finish call 1039824, wait 3887, pass 29727, finish call 755682, deliver 1046989, create pod 902888, deliver 804334, create pod 450710, deliver 798285, create pod 493265, create pod 74664, deliver 379763, create pod 607627, deliver 238884, wait 208359, create pod 907688, create pod 857437, deliver 498405, deliver 717776, deliver 485106, wait 388711, lose answer 612288, deliver 125054, pass 246278, finish call 52400, pass 142573, describe 778771, create pod 364253, edit policy 253272, deliver 348713, finish call 1044162, wait 98229, pass 365593, edit policy 812455, deliver 753220, finish call 1004535, pass 687400, edit policy 486500, finish call 356544, pass 772903, lose answer 841375, delete pod 414049, deliver 807706, wait 180129, deliver 337763, pass 1041249, edit policy 919618, deliver 725574, deliver 738197, finish call 370754, create pod 704794, deliver 942665, finish call 629738, pass 174309, finish call 416483, deliver 328427, finish call 1720, deliver 526863, pass 594907, finish call 1005977, pass 568096, finish call 526805, finish call 453439, wait 337513, pass 702204, edit policy 931824, lose answer 630977",
  },
  {
    was: "The same with a crash: a used token was answered with the groups that the branch was made with.",
    seed: 58,
    lag: { describe: 19, create: 0 },
    steps:
      "complete caches 970986, pass 248572, finish call 481817, finish call 794821, deliver 488188, describe 877515, finish call 137554, finish call 367815, deliver 217540, pass 827231, finish call 921180, pass 4611, finish call 233909, wait 453915, wait 836863, wait 651981, finish call 498434, wait 937271, pass 35952, finish call 927664, create pod 136782, deliver 958771, deliver 824230, wait 571630, wait 17991, wait 523893, finish call 844186, pass 495119, finish call 966992, pass 419783, deliver 473405, finish call 569825, edit policy 550408, deliver 39677, pass 63660, finish call 666110, pass 339523, edit policy 629516, finish call 81025, deliver 959749, pass 6746, finish call 353977, pass 152624, edit policy 236878, crash 766695",
  },
];
