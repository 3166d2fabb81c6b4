#include "multihead/data/text_table.h"

#include "multihead/base/memory.h"
#include "text_reader.h"

const char *mh_text_format_name(mh_text_format format)
{
    static const char *const names[] = {"auto", "ARFF", "CSV", "TSV", "LibSVM", "extreme-classification"};

    return names[format];
}

static mh_status open_reader(mh_text_table *table, mh_header_choice header)
{
    switch (table->header.format) {
    case MH_FORMAT_ARFF:
        return arff_reader_open(table);
    case MH_FORMAT_CSV:
    case MH_FORMAT_TSV:
        return csv_reader_open(table, header);
    default:
        return libsvm_reader_open(table);
    }
}

mh_status mh_text_table_read(mh_text_table *table, mh_text_row_visitor visit, void *context)
{
    switch (table->header.format) {
    case MH_FORMAT_ARFF:
        return arff_reader_read(table, visit, context);
    case MH_FORMAT_CSV:
    case MH_FORMAT_TSV:
        return csv_reader_read(table, visit, context);
    default:
        return libsvm_reader_read(table, visit, context);
    }
}

mh_status mh_text_table_open(const char *path, mh_text_format format, mh_header_choice header,
                             mh_text_table **out)
{
    mh_status status = MH_OK;
    mh_text_table *table = NULL;

    MH_TRY(mh_memory_new(sizeof *table, &table));
    table->header.format = format;
    MH_TRY(mh_text_stream_open(path, &table->stream));
    MH_TRY(open_reader(table, header));
cleanup:
    if (status != MH_OK) {
        mh_text_table_close(table);
        table = NULL;
    }
    *out = table;
    return status;
}

void mh_text_table_close(mh_text_table *table)
{
    if (table == NULL)
        return;
    csv_reader_close(table->csv);
    mh_text_stream_close(table->stream);
    text_header_clear(&table->header);
    mh_memory_free(table->row.cell);
    mh_memory_free(table->row.label);
    mh_memory_free(table);
}

const mh_text_header *mh_text_table_header(const mh_text_table *table)
{
    return &table->header;
}

const char *mh_text_table_path(const mh_text_table *table)
{
    return mh_text_stream_path(table->stream);
}

size_t mh_text_table_bytes_read(const mh_text_table *table)
{
    return mh_text_stream_bytes_read(table->stream);
}
