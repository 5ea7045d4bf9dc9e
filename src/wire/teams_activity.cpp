#include "countersign/wire/teams_activity.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {

using core::Value;

namespace {

constexpr std::size_t activity_nesting_max = 32;
constexpr std::size_t mentions_max = 100;
constexpr std::string_view thread_mark = ";messageid=";

std::string word_of(const Value& value) {
    return std::string(value.text());
}
std::string id_of(const Value& value) {
    return lower_ascii(value.text());
}

TeamsActivity::Kind kind_of(std::string_view type) {
    using enum TeamsActivity::Kind;
    if (type == "message") return message;
    if (type == "invoke") return invoke;
    if (type == "conversationUpdate") return conversation_update;
    if (type == "installationUpdate") return installation_update;
    return other;
}

std::vector<TeamsMention> mentions_in(const Value& entities) {
    std::vector<TeamsMention> mentions;
    const auto* items = entities.items();
    if (items == nullptr) return mentions;
    for (const Value& entity : *items) {
        if (entity["type"].text() != "mention" || mentions.size() == mentions_max) continue;
        mentions.push_back({word_of(entity["text"]), word_of(entity["mentioned"]["id"])});
    }
    return mentions;
}

bool holds(const Value& members, std::string_view id) {
    const auto* items = members.items();
    return items != nullptr &&
           std::ranges::any_of(*items, [&](const Value& one) { return one["id"].text() == id; });
}

// Blanks of any kind that Teams writes become single spaces.
std::string with_single_blanks(std::string_view text) {
    constexpr std::string_view no_break = "\xC2\xA0";
    constexpr std::string_view entity = "&nbsp;";
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        auto rest = text.substr(i);
        std::size_t blank = 0;
        if (rest.starts_with(no_break)) blank = no_break.size();
        if (rest.starts_with(entity)) blank = entity.size();
        if (std::string_view{" \t\r\n"}.find(rest.front()) != std::string_view::npos) blank = 1;
        if (blank == 0)
            out += rest.front();
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
        i += std::max<std::size_t>(blank, 1);
    }
    return std::string(trim(out));
}

void take_out(std::string& text, std::string_view part) {
    if (part.empty()) return;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
        text.erase(at, part.size());
}

core::AccountClass class_of(const Value& said, std::string_view object, std::string_view tenant) {
    using enum core::AccountClass;
    if (object.empty() || !said["id"].text().starts_with("29:")) return unknown;
    auto role = lower_ascii(said["userRole"].text());
    if (role == "guest") return guest;
    if (role == "anonymous") return unknown;
    if (id_of(said["tenantId"]) != tenant) return foreign;
    // Guests of the tenant have such names; their role may be left out.
    if (lower_ascii(said["userPrincipalName"].text()).find("#ext#") != std::string::npos) return guest;
    return role == "user" ? member : unknown;
}

}  // namespace

Result<TeamsActivity> read_teams_activity(std::string_view text) {
    auto parsed = parse_json(
        text, {.bytes_max = teams_activity_bytes_max, .nesting_max = activity_nesting_max, .strict = true});
    if (!parsed) return pass(parsed);
    Value& body = *parsed;
    if (body.members() == nullptr || body["type"].string() == nullptr)
        return fail(Trouble::invalid_input, "this is not an activity: an object with a `type`",
                    "not_an_activity");
    const Value& from = body["from"];
    const Value& conversation = body["conversation"];
    const Value& data = body["channelData"];
    TeamsActivity activity{.kind = kind_of(body["type"].text()),
                           .invoke = word_of(body["name"]),
                           .id = word_of(body["id"]),
                           .channel_id = word_of(body["channelId"]),
                           .service_url = word_of(body["serviceUrl"]),
                           .from = word_of(from["id"]),
                           .from_object = id_of(from["aadObjectId"]),
                           .recipient = word_of(body["recipient"]["id"]),
                           .conversation = word_of(conversation["id"]),
                           .conversation_kind = word_of(conversation["conversationType"]),
                           .tenant = id_of(conversation["tenantId"]),
                           .data_tenant = id_of(data["tenant"]["id"]),
                           .team = word_of(data["team"]["id"]),
                           .reply_to = word_of(body["replyToId"]),
                           .text = word_of(body["text"]),
                           .mentions = mentions_in(body["entities"]),
                           .installed = word_of(body["action"]),
                           .value = {}};
    activity.we_left = holds(body["membersRemoved"], activity.recipient);
    const bool added = body["membersAdded"].items() != nullptr;
    activity.members_changed = added || body["membersRemoved"].items() != nullptr;
    if (Value* value = body.members()->find("value")) activity.value = std::move(*value);
    return activity;
}

std::string teams_words(const TeamsActivity& activity, std::string_view us) {
    std::string words = activity.text;
    for (const TeamsMention& mention : activity.mentions)
        if (mention.id == us) take_out(words, mention.text);
    return with_single_blanks(words);
}

std::string_view teams_channel_of(std::string_view conversation) {
    return conversation.substr(0, conversation.find(thread_mark));
}

std::string_view teams_thread_of(std::string_view conversation) {
    auto at = conversation.find(thread_mark);
    return at == std::string_view::npos ? std::string_view{} : conversation.substr(at + thread_mark.size());
}

TeamsPress read_teams_press(const Value& value) {
    // An invoke of a card has `action`, a dialog has `data`, a message is the data itself.
    const Value& action = value["action"];
    const Value& data = action.members() ? action["data"] : value["data"].members() ? value["data"] : value;
    TeamsPress press;
    press.act = data["act"].text();
    if (action.members() && action["verb"].text() != press.act) press.act.clear();
    press.request = data["request"].text();
    press.digest = data["digest"].text();
    press.version = data["version"].whole();
    press.page = data["page"].whole();
    press.pass = data["pass"].text();
    press.about = data["about"].text();
    press.id = data["id"].text();
    press.reason = data[press.act + "_reason"].text();
    press.resource = data["resource"].text();
    // Numbers come as texts from some clients and as numbers from others.
    for (std::size_t i = 0; i < core::lowerable_max; ++i) {
        const Value& typed = data["number" + std::to_string(i)];
        if (typed.is_null()) break;
        press.numbers.push_back(typed.number() ? core::canonical_number(*typed.number())
                                               : std::string(typed.text()));
    }
    press.known_form = data["form"].whole() == 1;
    return press;
}

TeamsMember read_teams_member(const Value& member, std::string_view tenant, core::Instant as_of) {
    auto object = id_of(member["aadObjectId"]);
    if (object.empty()) object = id_of(member["objectId"]);
    TeamsMember known;
    known.mri = member["id"].text();
    known.user = {.id = object,
                  .klass = class_of(member, object, tenant),
                  .name = word_of(member["name"]),
                  .email = {},
                  .as_of = as_of};
    // The name to sign in with belongs to a domain of the tenant; `email` may be anything.
    if (known.user.klass == core::AccountClass::member) known.user.email = member["userPrincipalName"].text();
    return known;
}

}  // namespace countersign::wire
