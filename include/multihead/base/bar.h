#ifndef MULTIHEAD_BASE_BAR_H
#define MULTIHEAD_BASE_BAR_H

/** On a terminal, shows text behind a bar that is `share` (0 to 1) full, in place of what was shown before. */
void mh_bar_show(double share, const char *text);

#endif
