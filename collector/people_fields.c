/* Channels, contacts, rotas and escalations as the file has them: what each key is. */
#include "collector/people.h"

#include <stddef.h>

#include "collector/channel/message.h"
#include "collector/event/calendar.h"
#include "collector/ingest/fleet.h"

#define TEXT_FIELD(struct_, key_, member, least_, most_, ...)                                                          \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_TEXT, .at = offsetof(struct struct_, member), .least = (least_),                 \
        .most = (most_), __VA_ARGS__                                                                                   \
    }
#define NAME_FIELD(struct_, help_)                                                                                     \
    TEXT_FIELD(struct_, "name", name, 1, CONTACT_NAME_MAX, .required = true, .help = (help_))
#define TENANT_FIELD(struct_, help_) TEXT_FIELD(struct_, "tenant", tenant, 1, NAME_MAX_BYTES, .help = (help_))
#define LIST_FIELD(struct_, key_, member, items_, item, most_, help_)                                                  \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_LIST, .at = offsetof(struct struct_, member), .required = true, .least = 1,      \
        .most = (most_), .items = (items_), .item_size = sizeof(struct item),                                          \
        .line_at = 1 + offsetof(struct item, line), .help = (help_)                                                    \
    }
#define SECRET_FIELD(key_, member, most_)                                                                              \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_SECRET, .at = offsetof(struct channel_config, member), .least = 1,               \
        .most = (most_)                                                                                                \
    }

enum { WORD_MAX = 255 };

const struct config_field people_channel_fields[] = {
    NAME_FIELD(channel_config, "what ways of contacts call it"),
    { .key = "kind",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct channel_config, kind),
      .required = true,
      .choices = channel_kind_names },
    { .key = "url",
      .kind = CONFIG_SECRET,
      .at = offsetof(struct channel_config, url),
      .required = true,
      .least = 1,
      .most = CHANNEL_URL_MAX },
    SECRET_FIELD("secret", secret, WORD_MAX),
    TEXT_FIELD(channel_config, "user", user, 1, WORD_MAX, .help = "who the relay knows us as"),
    SECRET_FIELD("password", password, WORD_MAX),
    TEXT_FIELD(channel_config, "from", from, 3, PEOPLE_ADDRESS_MAX, .help = "the mailbox its mail is from"),
    { .key = "tls", .kind = CONFIG_CHOICE, .at = offsetof(struct channel_config, tls), .choices = channel_tls_names },
    { .key = "per_minute",
      .kind = CONFIG_INT,
      .at = offsetof(struct channel_config, per_minute),
      .least = 1,
      .most = PAGE_PER_MINUTE_MAX,
      .help = "messages" },
    { .key = NULL },
};

static const struct config_field way_fields[] = {
    TEXT_FIELD(way_config, "channel", channel, 1, CONTACT_NAME_MAX, .required = true),
    TEXT_FIELD(way_config, "address", address, 1, PEOPLE_ADDRESS_MAX, .help = "a mailbox, or whom a robot mentions"),
    { .key = NULL },
};

const struct config_field people_contact_fields[] = {
    NAME_FIELD(contact_config, "what rotas and escalations call it"),
    { .key = "language",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct contact_config, language),
      .choices = language_names },
    TENANT_FIELD(contact_config, "only this tenant's incidents"),
    { .key = "hears",
      .kind = CONFIG_BOOL,
      .at = offsetof(struct contact_config, hears),
      .help = "how events go, too: their steps, rounds and hand-overs" },
    LIST_FIELD(contact_config, "ways", ways, way_fields, way_config, PEOPLE_WAYS_MAX, "channel and address each"),
    { .key = NULL },
};

const struct config_field people_rota_fields[] = {
    NAME_FIELD(rota_config, "what escalations call it"),
    TEXT_FIELD(rota_config, "zone", zone, 1, 63, .required = true, .help = "an IANA name such as Asia/Shanghai or UTC"),
    { .key = "members",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct rota_config, members),
      .required = true,
      .least = 1,
      .most = ROTA_MEMBERS_MAX,
      .help = "names of contacts, in the order of their turns" },
    TEXT_FIELD(rota_config, "from", from, CALENDAR_DAY_TEXT - 1, CALENDAR_DAY_TEXT - 1, .required = true,
               .help = "YYYY-MM-DD"),
    TEXT_FIELD(rota_config, "at", at, 5, 5, .required = true, .help = "HH:MM"),
    { .key = "turn",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct rota_config, turn_us),
      .required = true,
      .least = (double)ROTA_TURN_LEAST_US,
      .most = (double)ROTA_TURN_MOST_US },
    { .key = NULL },
};

static const struct config_field step_fields[] = {
    { .key = "after",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct step_config, after_us),
      .required = true,
      .most = (double)PEOPLE_AFTER_MAX_US },
    { .key = "contacts",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct step_config, contacts),
      .required = true,
      .least = 1,
      .most = PEOPLE_STEP_NAMES_MAX,
      .help = "names of contacts and rotas" },
    { .key = NULL },
};

const struct config_field people_escalation_fields[] = {
    NAME_FIELD(escalation_config, "what it is called"),
    TENANT_FIELD(escalation_config, "of this tenant's incidents"),
    LIST_FIELD(escalation_config, "steps", steps, step_fields, step_config, PEOPLE_STEPS_MAX,
               "after and contacts each"),
    { .key = NULL },
};
