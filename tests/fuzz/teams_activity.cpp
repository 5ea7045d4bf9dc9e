// Activities of Teams and what their buttons carry, as bytes: whatever is read comes out within its limits,
// and is drawn as JSON that is one.
#include "countersign/wire/teams_activity.hpp"

#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/teams_messages.hpp"

using namespace countersign;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    auto activity = wire::read_teams_activity(text);
    if (!activity) return 0;
    auto words = wire::teams_words(*activity, activity->recipient);
    COUNTERSIGN_CHECK(words.size() <= activity->text.size());
    auto channel = wire::teams_channel_of(activity->conversation);
    COUNTERSIGN_CHECK(activity->conversation.starts_with(channel));
    auto press = wire::read_teams_press(activity->value);
    auto member = wire::read_teams_member(activity->value, activity->tenant, core::Instant{});
    COUNTERSIGN_CHECK(member.user.klass != core::AccountClass::member || !member.user.id.empty());
    auto card = wire::teams_lines({press.reason, words});
    COUNTERSIGN_CHECK(wire::parse_json(card.card.text, {.bytes_max = 4 * 1024 * 1024}).has_value());
    return 0;
}
