#include "app/conversation_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "app/conversation_words.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/app/patience.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request_number.hpp"
#include "countersign/core/review.hpp"

// Lists of requests, by command and on a person's own page.
namespace countersign::app {

using rt::asio::awaitable;

namespace {

constexpr std::size_t searched_max = 200;  // of the latest requests
constexpr std::size_t home_rows_max = 10;  // of each part
constexpr std::size_t votes_told_max = 3;
// A list is there within a second, whatever is pending: what was not looked at by then is the next page's.
constexpr core::Duration look_for = std::chrono::milliseconds{600};

// Where the list goes on, of the words of a command: "after 1042". nullopt: they say something else.
std::optional<std::optional<std::int64_t>> read_after(const CommandWords& words) {
    if (words.number.empty()) return std::optional<std::int64_t>{};
    auto number = core::request_number(words.rest);
    if (lower_ascii(words.number) != "after" || !number) return std::nullopt;
    return number;
}

}  // namespace

std::string votes_text(const CaseNow& now) {
    std::vector<std::string> said;
    for (const auto& vote : now.ruling.votes) {
        if (said.size() == votes_told_max) {
            said.emplace_back("and others");
            break;
        }
        const bool approves = vote.verdict == core::Verdict::approve;
        said.push_back(vote.person.text() + (approves ? " approved" : " denied"));
    }
    if (now.ruling.held) said.push_back(now.ruling.held->person.text() + " holds it");
    return join(said, ", ");
}

Later<std::vector<ListedRequest>> Conversation::listed(std::vector<CasePtr> cases, core::AccountId account,
                                                       Deadline deadline) {
    std::vector<core::RequestId> ids;
    ids.reserve(cases.size());
    for (const CasePtr& now : cases) ids.push_back(now->c.request->id);
    auto shown = co_await parts_.outbox.messages_of(manner_.chat, std::move(ids), deadline);
    // A list without links is still a list.
    if (!shown) log::warn("app", "where cards are is not known: {}", shown.error().detail);
    std::map<core::RequestId, MessageRef> messages;
    if (shown) messages.insert(shown->begin(), shown->end());
    auto directory = parts_.roster.snapshot();
    std::vector<ListedRequest> rows;
    rows.reserve(cases.size());
    for (const CasePtr& now : cases) {
        const bool pending = core::open(now->ruling.state);
        auto at = messages.find(now->c.request->id);
        rows.push_back({.summary = core::card_summary(now->c, now->ruling),
                        .can_vote = pending && core::could_approve(now->c, now->ruling, *directory, account),
                        .votes = votes_text(*now),
                        .card = at == messages.end() ? std::nullopt : std::optional{at->second},
                        .can_review = core::could_review(now->c, now->ruling, *directory, account)});
    }
    co_return rows;
}

Later<RequestList> Conversation::pending_page(Reader reader, bool waiting, std::optional<std::int64_t> after,
                                              Deadline deadline) {
    DueFilter filter{
        .approver = {}, .after = after, .limit = manner_.listed_max, .look_until = runtime_.now() + look_for};
    if (waiting) filter.approver = reader.account;
    auto once = [&] { return parts_.requests.due_page(filter, deadline); };
    auto page = co_await patiently<DuePage>(runtime_, deadline, once);
    if (!page) co_return pass(page);
    const auto next = page->next_after;
    const auto pending = page->pending;
    // Whoever can decide a request may read it.
    if (!waiting) {
        auto theirs = co_await readers_.readable(reader, std::move(page->cases), deadline);
        if (!theirs) co_return pass(theirs);
        page->cases = std::move(*theirs);
    }
    auto rows = co_await listed(std::move(page->cases), reader.account, deadline);
    if (!rows) co_return pass(rows);
    RequestList list{.heading = {}, .items = std::move(*rows), .next = {}};
    if (next) list.next = fmt::format("{} after {}", waiting ? "list" : "all", *next);
    if (list.items.empty() && next)
        list.heading =
            fmt::format("{} among those up to #{}, and there are more",
                        waiting ? "Nothing waits for you" : "There is nothing you may read", *next);
    else if (waiting)
        list.heading = after ? "Waiting for you, further on" : "Waiting for you";
    else
        list.heading = after ? "Pending requests, further on" : fmt::format("Pending requests ({})", pending);
    co_return list;
}

Later<std::vector<CasePtr>> Conversation::latest_of(Reader reader, Deadline deadline) {
    ListFilter latest;
    latest.limit = searched_max;
    auto once = [&] { return parts_.requests.list(latest, deadline); };
    auto page = co_await patiently<Page>(runtime_, deadline, once);
    if (!page) co_return pass(page);
    auto directory = parts_.roster.snapshot();
    const auto person = directory->person_of(reader.account);
    std::erase_if(page->cases, [&](const CasePtr& now) {
        const bool voted = std::ranges::any_of(
            now->ruling.votes, [&](const core::VoteMark& vote) { return vote.person == person; });
        return !voted && !core::standing(now->c, *directory, reader.account).behind;
    });
    co_return co_await readers_.readable(std::move(reader), std::move(page->cases), deadline);
}

awaitable<Reply> Conversation::list(Act act, CommandWords words) {
    const bool waiting = words.verb != "all";
    auto after = read_after(words);
    if (!after) co_return told("Say where to go on: " + typed(words.verb + " after 1042"));
    auto page =
        co_await pending_page(reader_of(act.account, act.channel), waiting, *after, Deadline{act.answer_by});
    if (!page) co_return told(not_found_sentence(page.error()));
    if (!page->items.empty() || page->next) co_return Reply{std::move(*page)};
    if (*after) co_return told("There is nothing further on.");
    co_return told(waiting ? "Nothing waits for you." : "No request is pending that you may read.");
}

Later<RequestList> Conversation::reviews_page(Reader reader, bool own, std::optional<std::int64_t> after,
                                              Deadline deadline) {
    ListFilter filter;
    filter.review_due_by = core::end_of_time;
    filter.before_number = after;
    filter.limit = own ? searched_max : manner_.listed_max;
    auto once = [&] { return parts_.requests.list(filter, deadline); };
    auto page = co_await patiently<Page>(runtime_, deadline, once);
    if (!page) co_return pass(page);
    RequestList list{.heading = "Approved by who asked, to be reviewed", .items = {}, .next = {}};
    if (page->next_before) list.next = fmt::format("reviews after {}", *page->next_before);
    const auto account = reader.account;
    auto cases = co_await readers_.readable(std::move(reader), std::move(page->cases), deadline);
    if (!cases) co_return pass(cases);
    auto directory = parts_.roster.snapshot();
    if (own)
        std::erase_if(*cases, [&](const CasePtr& now) {
            return !core::could_review(now->c, now->ruling, *directory, account);
        });
    if (cases->size() > manner_.listed_max) cases->resize(manner_.listed_max);
    auto rows = co_await listed(std::move(*cases), account, deadline);
    if (!rows) co_return pass(rows);
    list.items = std::move(*rows);
    co_return list;
}

awaitable<Reply> Conversation::reviews(Act act, CommandWords words) {
    auto after = read_after(words);
    if (!after) co_return told("Say where to go on: " + typed("reviews after 1042"));
    auto page =
        co_await reviews_page(reader_of(act.account, act.channel), false, *after, Deadline{act.answer_by});
    if (!page) co_return told(not_found_sentence(page.error()));
    if (!page->items.empty() || page->next) co_return Reply{std::move(*page)};
    co_return told(*after ? "There is nothing further on." : "Nothing awaits a review.");
}

// Pending ones in the order in which they expire, then the others, newest first.
awaitable<Reply> Conversation::mine(Act act, CommandWords words) {
    auto after = read_after(words);
    if (!after) co_return told("Say where to go on: " + typed("mine after 1042"));
    auto cases = co_await latest_of(reader_of(act.account, act.channel), Deadline{act.answer_by});
    if (!cases) co_return told(not_found_sentence(cases.error()));
    auto directory = parts_.roster.snapshot();
    std::erase_if(
        *cases, [&](const CasePtr& now) { return !core::standing(now->c, *directory, act.account).behind; });
    if (cases->empty()) co_return told("You are behind none of the latest requests.");
    std::ranges::sort(*cases, {}, [](const CasePtr& now) {
        const bool pending = now->ruling.state == core::State::pending;
        return std::tuple{!pending, pending ? now->c.request->expires_at : core::Instant{},
                          pending ? now->c.request->number : -now->c.request->number};
    });
    RequestList list{.heading = "Requests you are behind", .items = {}, .next = {}};
    if (*after) {
        auto last =
            std::ranges::find(*cases, **after, [](const CasePtr& now) { return now->c.request->number; });
        if (last == cases->end()) co_return told("There is nothing further on.");
        cases->erase(cases->begin(), last + 1);
    }
    if (cases->size() > manner_.listed_max) {
        cases->resize(manner_.listed_max);
        list.next = fmt::format("mine after {}", cases->back()->c.request->number);
    }
    if (cases->empty()) co_return told("There is nothing further on.");
    auto rows = co_await listed(std::move(*cases), act.account, Deadline{act.answer_by});
    if (!rows) co_return told(not_found_sentence(rows.error()));
    list.items = std::move(*rows);
    co_return Reply{std::move(list)};
}

Later<HomePage> Conversation::home(core::AccountId account, Deadline deadline) {
    auto waiting = co_await pending_page(reader_of(account, {}), true, std::nullopt, deadline);
    if (!waiting) co_return pass(waiting);
    auto to_review = co_await reviews_page(reader_of(account, {}), true, std::nullopt, deadline);
    if (!to_review) co_return pass(to_review);
    auto cases = co_await latest_of(reader_of(account, {}), deadline);
    if (!cases) co_return pass(cases);
    auto directory = parts_.roster.snapshot();
    std::vector<CasePtr> own;
    std::vector<CasePtr> decided;
    for (CasePtr& now : *cases) {
        const bool pending = now->ruling.state == core::State::pending;
        const bool behind = core::standing(now->c, *directory, account).behind;
        if (pending && behind && own.size() < home_rows_max)
            own.push_back(std::move(now));
        else if (!pending && decided.size() < home_rows_max)
            decided.push_back(std::move(now));
    }
    auto own_rows = co_await listed(std::move(own), account, deadline);
    if (!own_rows) co_return pass(own_rows);
    auto decided_rows = co_await listed(std::move(decided), account, deadline);
    if (!decided_rows) co_return pass(decided_rows);
    co_return HomePage{
        .waiting = std::move(*waiting),
        .reviews = std::move(*to_review),
        .own = {.heading = "Yours", .items = std::move(*own_rows), .next = {}},
        .decided = {.heading = "Decided lately", .items = std::move(*decided_rows), .next = {}}};
}

}  // namespace countersign::app
