#include <stdlib.h>

/*
 * Loaded in front of OpenBLAS, makes it look as it does on a CPU that is newer than its table of models: it
 * has chosen its oldest kernel, unless it was told which to take.
 */
char *openblas_get_corename(void);

char *openblas_get_corename(void)
{
    char *told = getenv("OPENBLAS_CORETYPE");

    return told != NULL ? told : "Prescott";
}
