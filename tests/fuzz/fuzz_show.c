/* The first byte chooses how an answer is shown, the rest is the answer's data: whatever a collector says, the console
 * prints something and lives. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "warroom/command/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static show_fn *const shows[] = { show_status,        show_tenant,          show_tenants,  show_invited,
                                      show_host,          show_hosts,           show_event,    show_events,
                                      show_event_page,    show_incidents,       show_query,    show_incident_line,
                                      show_incident_page, show_incident_change, show_latest,   show_quantiles,
                                      show_top,           show_coverage,        show_imported, show_backup,
                                      show_revoked,       show_retired,         show_rotated,  show_invitations,
                                      show_uninvited };
    if (size == 0)
        return 0;
    json_t *json = json_loadb((const char *)data + 1, size - 1, 0, NULL);
    char *text = NULL;
    size_t len;
    struct sheet sheet = { .terminal = true, .colour = true, .now_us = INT64_C(1795401660000000) };
    sheet.out = open_memstream(&text, &len);
    if (json && sheet.out)
        shows[data[0] % (sizeof shows / sizeof shows[0])](json, &sheet);
    if (sheet.out)
        fclose(sheet.out);
    free(text);
    json_decref(json);
    return 0;
}
