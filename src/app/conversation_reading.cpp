#include "app/conversation_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/conversation_words.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/app/patience.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request_number.hpp"

// What people read in a chat, and what is not theirs to read.
namespace countersign::app {

using core::Verdict;
using rt::asio::awaitable;

namespace {

constexpr std::string_view card_alone =
    "Guests and people of other workspaces see what the channel they are in shows, and no more.";

}  // namespace

std::unexpected<Failure> not_theirs(const core::Case& c, core::Reading reading) {
    if (reading == core::Reading::as_the_channel) return fail(Trouble::forbidden, std::string(card_alone));
    return fail(Trouble::forbidden,
                fmt::format("The policy says who may read request #{}, and you are not among them. In the "
                            "channel where its card is posted you read what is there.",
                            c.request->number));
}

Reader Conversation::reader_of(const core::AccountId& account, const std::string& channel) const {
    Reader reader{.account = account};
    if (!channel.empty()) reader.here = CardTarget{manner_.chat, channel};
    return reader;
}

Later<Conversation::Found> Conversation::open_up(const Act& act, CasePtr now) {
    auto access = co_await readers_.access(reader_of(act.account, act.channel), now, Deadline{act.answer_by});
    if (!access) co_return pass(access);
    if (*access == Access::nothing) {
        auto directory = parts_.roster.snapshot();
        co_return not_theirs(now->c, core::reading_of(now->c, *directory, act.account));
    }
    co_return Found{std::move(now), *access};
}

Later<Conversation::Found> Conversation::read(const Act& act, core::RequestId request) {
    auto now = co_await stored(request, Deadline{act.answer_by});
    if (!now) co_return pass(now);
    co_return co_await open_up(act, std::move(*now));
}

Later<Conversation::Found> Conversation::find(const Act& act, std::string number) {
    if (auto id = core::RequestId::parse(number)) co_return co_await read(act, *id);
    const auto known = core::request_number(number);
    if (!known)
        co_return fail(Trouble::invalid_input,
                       fmt::format("\"{}\" is no request's number.", visible(number)));
    Deadline deadline{act.answer_by};
    auto once = [&] { return parts_.requests.read_number(*known, deadline); };
    auto now = co_await patiently<CasePtr>(runtime_, deadline, once);
    if (!now && now.error().trouble == Trouble::not_found)
        now.error().detail = fmt::format("There is no request #{}.", number);
    if (!now) co_return pass(now);
    co_return co_await open_up(act, std::move(*now));
}

awaitable<Reply> Conversation::full_view(Act act, core::RequestId request) {
    auto found = co_await read(act, request);
    if (!found) co_return unread(found.error());
    if (found->access != Access::everything) co_return told(std::string(card_alone));
    const bool pending = core::open(found->now->ruling.state);
    co_return Reply{FullView{card_of(*found->now), pending}};
}

// Approve was pressed on a card that does not show everything. Whom the full view is not for is refused by
// the rules for votes, which record it; nothing was put before them, so their vote counts in no case.
awaitable<Reply> Conversation::approve_in_full(Act act, core::RequestId request) {
    auto found = co_await read(act, request);
    const bool theirs = found && found->access == Access::everything;
    const bool barred = found || found.error().trouble == Trouble::forbidden;
    if (theirs || !barred) co_return co_await full_view(std::move(act), request);
    co_return co_await approve_unshown(std::move(act), request, {});
}

Later<CasePtr> Conversation::seen_by(core::RequestId request, core::AccountId account, std::string channel,
                                     Deadline deadline) {
    auto now = co_await stored(request, deadline);
    if (!now) co_return pass(now);
    if (!channel.empty()) {
        auto here = co_await parts_.outbox.shown_in({manner_.chat, channel}, {request}, deadline);
        if (here && !here->empty()) co_return now;
    }
    auto access = co_await readers_.access(reader_of(account, {}), *now, deadline);
    if (!access) co_return pass(access);
    if (*access != Access::everything)
        co_return not_theirs((*now)->c, core::reading_of((*now)->c, *parts_.roster.snapshot(), account));
    co_return now;
}

Later<Conversation::PersonalView> Conversation::look(core::RequestId request, core::AccountId account,
                                                     std::string channel, Deadline deadline) {
    auto now = co_await seen_by(request, account, std::move(channel), deadline);
    if (!now) co_return pass(now);
    co_return view_of(**now, account);
}

Later<Conversation::PersonalView> Conversation::look_and_compare(core::RequestId request,
                                                                 core::AccountId account, std::string channel,
                                                                 Deadline deadline) {
    auto now = co_await seen_by(request, account, std::move(channel), deadline);
    if (!now) co_return pass(now);
    auto view = view_of(**now, account);
    co_await compare(view.card, **now, deadline);
    co_return view;
}

awaitable<Reply> Conversation::show(Act act, CommandWords words) {
    auto found = co_await find(act, std::move(words.number));
    if (!found) co_return told(not_found_sentence(found.error()));
    PrivateCard shown{card_of(*found->now)};
    co_await compare(shown.card, *found->now, Deadline{act.answer_by});
    co_return Reply{std::move(shown)};
}

}  // namespace countersign::app
