#ifndef MULTIHEAD_TRAINING_INTERVAL_H
#define MULTIHEAD_TRAINING_INTERVAL_H

/* How often something is done during training. */
typedef enum { MH_INTERVAL_EPOCHS, MH_INTERVAL_STEPS, MH_INTERVAL_SECONDS } mh_interval_unit;

typedef struct {
    mh_interval_unit unit;
    double every; /* so many units; a whole number of epochs or steps; 0: never */
} mh_interval;

#endif
