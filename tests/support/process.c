#include "process.h"

#include <stdio.h>

bool process_has_ended(pid_t process)
{
    char path[64], state = 'X';

    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true;
    int found = fscanf(file, "%*d (%*[^)]) %c", &state); /* no program of these tests has a ) in its name */
    fclose(file);
    return found != 1 || state == 'Z' || state == 'X';
}
