/* collector/event/document_parts.h - what the files of document.h share; for them alone. */
#pragma once
#include "collector/event/document.h"

/* Text as it grows; what does not fit is left out and noted. */
struct out {
    char *at;
    size_t size;
    size_t used; /* without the terminator, which is always there */
    bool over;
};

void out_add(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As YAML reads it back, whatever is in it: in double quotes. */
void out_quoted(struct out *out, const char *text);
/* The same, without quotes where none are needed. */
void out_word(struct out *out, const char *text);

/* One field as a line of the canonical text, nothing when it is empty. document_write.c */
void document_write_field(const struct document *document, enum document_field field, struct out *out);

/* document_form.c */
enum config_kind document_kind(enum document_field field);
const char *document_limit_key(enum host_limit limit);

/* document_take.c: the text "key: value" of one field into the document, which is then checked as a whole. */
int document_take_field(const char *name, const char *text, size_t len, enum document_field field,
                        struct document *document, struct config_faults *faults);
