/* Any bytes as a request of the console: refused with a reason, or a verb with arguments of the kinds it wants. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/control/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct console_request request;
    struct err err = { .text = "" };
    if (console_request_parse((const char *)data, size, &request, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < CALL_ARGS_MAX && request.verb->args[i].name; i++)
        if (request.verb->args[i].required && !json_object_get(request.args, request.verb->args[i].name))
            abort();
    console_request_done(&request);
    return 0;
}
