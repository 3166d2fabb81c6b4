#ifndef MULTIHEAD_SRC_APP_MACHINE_PEAK_H
#define MULTIHEAD_SRC_APP_MACHINE_PEAK_H

/** The float32 multiply-add rate of one core in GFLOP/s, with operands in registers; 0 where unknown. */
double machine_peak_gflops(void);

#endif
