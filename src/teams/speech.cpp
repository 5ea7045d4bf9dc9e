#include "teams/speech.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/teams_messages.hpp"
#include "teams/acts.hpp"

namespace countersign::teams {

using core::Value;

namespace {

// A card's edit waits no longer for its turn: by then it should show something newer.
constexpr core::Duration edit_patience = std::chrono::seconds{2};

bool object_id(std::string_view text) {
    constexpr std::size_t guid_chars = 36;
    return text.size() == guid_chars && std::ranges::count(text, '-') == 4 &&
           text.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

// In the classes that whoever drives cards knows. Credentials are an operator's to mend: cards wait for it.
template <class T>
std::unexpected<Failure> for_cards(Result<T>& failed) {
    Failure failure = std::move(failed).error();
    if (failure.trouble == Trouble::unauthenticated) failure.trouble = Trouble::unavailable;
    if (failure.trouble == Trouble::forbidden || failure.trouble == Trouble::too_large)
        failure.trouble = Trouble::invalid_input;
    return std::unexpected(std::move(failure));
}

}  // namespace

Later<std::string> Speech::destination(std::string channel, Deadline deadline) {
    auto slash = channel.find('/');
    auto person = slash == channel.npos ? channel : channel.substr(slash + 1);
    if (!object_id(person)) co_return channel;
    const bool ours = slash == channel.npos || lower_ascii(channel.substr(0, slash)) == directory_.home();
    if (!ours || directory_.home().empty())
        co_return fail(Trouble::invalid_input, "this person is of another tenant");
    auto object = lower_ascii(person);
    co_return co_await references_.own_conversation(directory_.home(), object, directory_.mri_of(object),
                                                    deadline);
}

Later<app::MessageRef> Speech::post(const core::CardView& card, const std::string& channel,
                                    Deadline deadline) {
    auto conversation = co_await destination(channel, deadline);
    if (!conversation) co_return for_cards(conversation);
    auto its_style = style();
    its_style.viewers = co_await directory_.viewers(*conversation, deadline);
    co_return co_await post_message(wire::teams_card(card, its_style), std::move(*conversation), deadline);
}

Later<Done> Speech::announce(std::string words, std::string raw, const std::string& channel,
                             Deadline deadline) {
    auto conversation = co_await destination(channel, deadline);
    if (!conversation) co_return for_cards(conversation);
    auto posted =
        co_await post_message(wire::teams_announcement(words, raw), std::move(*conversation), deadline);
    if (!posted) co_return pass(posted);
    co_return Done{};
}

Later<app::MessageRef> Speech::post_message(wire::TeamsCard card, std::string conversation,
                                            Deadline deadline) {
    auto message = wire::teams_message(card);
    const bool whole_channel = is_channel(conversation);
    auto sending = whole_channel ? begin_thread(std::move(conversation), std::move(message.text), deadline)
                                 : send(std::move(conversation), std::move(message.text), deadline);
    auto posted = co_await std::move(sending);
    if (!posted) co_return for_cards(posted);
    if (posted->message.empty())
        co_return fail(Trouble::timed_out, "Teams did not say where it put a message");
    co_return posted;
}

// A new post in a channel is the beginning of a conversation.
Later<app::MessageRef> Speech::begin_thread(std::string channel, std::string message, Deadline deadline) {
    auto address = co_await references_.service_url(channel, deadline);
    auto data = wire::json_object("channel", wire::json_object("id", channel));
    auto body = wire::json_object("activity", wire::JsonText{std::move(message)}, "bot",
                                  wire::json_object("id", "28:" + settings_.app_id), "channelData", data,
                                  "isGroup", true, "tenantId", directory_.home());
    ConnectorCall call{.method = "POST",
                       .service_url = std::move(address),
                       .path = "/v3/conversations",
                       .body = std::move(body.text),
                       .lane = channel};
    auto made = co_await connector_.call(std::move(call), deadline);
    if (!made) co_return pass(made);
    std::string id{(*made)["activityId"].text()};
    if (id.empty()) id = wire::teams_thread_of((*made)["id"].text());
    co_return app::MessageRef{std::move(channel), std::move(id)};
}

Later<app::MessageRef> Speech::send(std::string conversation, std::string message, Deadline deadline) {
    auto address = co_await references_.service_url(conversation, deadline);
    ConnectorCall call{.method = "POST",
                       .service_url = std::move(address),
                       .path = conversation_path(conversation, "/activities"),
                       .body = std::move(message),
                       .lane = std::string(wire::teams_channel_of(conversation))};
    auto sent = co_await connector_.call(std::move(call), deadline);
    if (!sent) co_return pass(sent);
    co_return app::MessageRef{std::move(conversation), std::string((*sent)["id"].text())};
}

Later<Done> Speech::replace(const app::MessageRef& message, std::string with, Deadline deadline) {
    const auto conversation = thread_of(message);
    auto address = co_await references_.service_url(conversation, deadline);
    ConnectorCall call{
        .method = "PUT",
        .service_url = std::move(address),
        .path = conversation_path(conversation, "/activities/" + net::percent_encode(message.message)),
        .body = std::move(with),
        .lane = std::string(wire::teams_channel_of(conversation)),
        .patience = edit_patience};
    auto replaced = co_await connector_.call(std::move(call), deadline);
    if (!replaced) co_return for_cards(replaced);
    co_return Done{};
}

Later<Done> Speech::refresh(const app::MessageRef& message, const core::CardView& card, Deadline deadline) {
    auto its_style = style();
    its_style.viewers = co_await directory_.viewers(message.channel, deadline);
    auto shown = wire::teams_message(wire::teams_card(card, its_style));
    co_return co_await replace(message, std::move(shown.text), deadline);
}

Later<Done> Speech::retire(const app::MessageRef& message, const core::CardView& card, Deadline deadline) {
    auto shown = wire::teams_message(wire::teams_retired_card(card));
    co_return co_await replace(message, std::move(shown.text), deadline);
}

Later<Done> Speech::close(const app::MessageRef& message, std::string words, Deadline deadline) {
    auto shown = wire::teams_message(wire::teams_words_alone(std::move(words)));
    co_return co_await replace(message, std::move(shown.text), deadline);
}

Later<Done> Speech::say(const app::MessageRef& card, const core::ThreadLine& line, Deadline deadline) {
    auto said = wire::teams_message(wire::teams_thread_line(line, style()));
    auto sent = co_await send(thread_of(card), std::move(said.text), deadline);
    if (!sent) co_return for_cards(sent);
    co_return Done{};
}

Later<Done> Speech::tell(std::string object, const wire::TeamsCard& what, Deadline deadline) {
    auto message = wire::teams_message(what);
    auto mri = directory_.mri_of(object);
    auto own =
        co_await references_.own_conversation(directory_.home(), std::move(object), std::move(mri), deadline);
    if (!own) co_return pass(own);
    auto sent = co_await send(std::move(*own), std::move(message.text), deadline);
    if (!sent) co_return pass(sent);
    co_return Done{};
}

Later<Done> Speech::answer_alone(std::string conversation, std::string mri, const wire::TeamsCard& what,
                                 Deadline deadline) {
    if (!settings_.targeted_messages || shown_to_all_)
        co_return fail(Trouble::not_found, "messages for one person are not sent there");
    auto message = wire::teams_targeted_message(what, mri);
    auto address = co_await references_.service_url(conversation, deadline);
    ConnectorCall call{.method = "POST",
                       .service_url = std::move(address),
                       .path = conversation_path(conversation, "/activities?isTargetedActivity=true"),
                       .body = std::move(message.text),
                       .lane = std::string(wire::teams_channel_of(conversation))};
    auto sent = co_await connector_.call(std::move(call), deadline);
    if (!sent) co_return pass(sent);
    // A message that has an id is one of the conversation: this service does not know of the other kind.
    shown_to_all_ = !(*sent)["id"].text().empty();
    if (shown_to_all_)
        log::error(
            "teams",
            "teams.targeted_messages: Teams showed a message for one person to all of a conversation; none "
            "is sent any more until the server starts again");
    co_return Done{};
}

Later<Done> Speech::answer_in(std::string conversation, const wire::TeamsCard& what, Deadline deadline) {
    auto message = wire::teams_message(what);
    auto sent = co_await send(std::move(conversation), std::move(message.text), deadline);
    if (!sent) co_return pass(sent);
    co_return Done{};
}

}  // namespace countersign::teams
