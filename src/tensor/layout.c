#include "multihead/tensor/layout.h"

#include <assert.h>
#include <stdio.h>

#include "multihead/base/memory.h"

mh_status mh_layout_create(size_t tensors, mh_layout *out)
{
    *out = (mh_layout){.capacity = tensors};
    return mh_memory_array(tensors, sizeof *out->tensor, &out->tensor);
}

void mh_layout_clear(mh_layout *layout)
{
    mh_memory_free(layout->tensor);
    *layout = (mh_layout){0};
}

size_t mh_layout_add(mh_layout *layout, const char *stem, size_t number, const char *part, size_t rows,
                     size_t columns)
{
    assert(layout->tensors < layout->capacity);
    mh_tensor *tensor = &layout->tensor[layout->tensors++];

    if (number > 0)
        snprintf(tensor->name, sizeof tensor->name, "%s%zu.%s", stem, number, part);
    else
        snprintf(tensor->name, sizeof tensor->name, "%s.%s", stem, part);
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->span = (mh_span){layout->count, columns == 0 ? rows : rows * columns};
    layout->count += tensor->span.count;
    return tensor->span.first;
}
