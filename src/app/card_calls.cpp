#include "app/card_calls.hpp"

#include <algorithm>
#include <utility>

#include "countersign/app/approved_before.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/core/direct.hpp"
#include "countersign/core/thread_lines.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {

using Act = CardStep::Act;

constexpr core::Duration card_store_patience{std::chrono::seconds{5}};
// A place that takes no cards is spoken of after so long, and again each failing_said_every.
constexpr core::Duration failing_said_after{std::chrono::seconds{10}};
constexpr core::Duration busy_said_after{std::chrono::minutes{1}};  // where it only asks for patience
constexpr core::Duration failing_said_every{std::chrono::minutes{1}};
constexpr std::size_t failing_max = 1'000;                           // places
constexpr core::Duration private_patience{std::chrono::seconds{3}};  // the thread's line waits so long
constexpr core::Duration compare_patience{
    std::chrono::seconds{2}};  // a card is shown without, rather than late
constexpr core::Duration other_chats_pause{std::chrono::seconds{60}};
constexpr core::Duration batch_pause{std::chrono::seconds{1}};  // until those before it are posted
constexpr std::size_t troubled_max = 20'000;

// The lines of these entries as one; no text: there is nothing to say any more.
core::ThreadLine lines_of(const CardStep& step, const core::Case& c, const core::Directory& directory,
                          core::Instant now) {
    core::ThreadLine joined;
    std::size_t lines = 0;
    for (auto index = static_cast<std::size_t>(step.from); index < static_cast<std::size_t>(step.to);
         ++index) {
        if (!core::has_thread_line(c.entries[index])) continue;
        auto line = core::thread_line(c, index, directory, step.target.surface, now);
        if (line.text.empty()) continue;
        if (++lines == 1) {
            joined = std::move(line);
            continue;
        }
        auto words = [](core::ThreadLine& one) {
            return one.who.name.empty() ? std::move(one.text) : one.who.name + " " + one.text;
        };
        joined.text = words(joined) + " · " + words(line);
        joined.who = {};
        if (!line.decision.empty()) joined.decision = std::move(line.decision);
        for (auto& who : line.asks)
            if (std::ranges::find(joined.asks, who) == joined.asks.end() &&
                joined.asks.size() < core::asked_max)
                joined.asks.push_back(std::move(who));
    }
    return joined;
}

constexpr std::string_view no_channel =
    "no channel is configured for it: name a default channel in the settings of the chat, or one in the "
    "rule's `notify`";

bool escalates_to(const CaseNow& now, const CardTarget& target) {
    if (!now.c.applied->escalate) return false;
    const auto channels = core::channels_of(now.c.applied->escalate->to, target.surface);
    return std::ranges::find(channels, target.channel) != channels.end();
}

// "#approvals in slack"
std::string place_of(const CardStep& step) {
    return visible(step.target.channel) + " in " + std::string(core::name_of(step.target.surface));
}

// What a channel may take while it takes nothing else.
std::string_view what_of(const CardStep& step) {
    switch (step.act) {
        case CardStep::Act::edit:
        case CardStep::Act::retire:
            return "change of a card";
        case CardStep::Act::say:
            return "line";
        default:
            return "card";
    }
}

std::string failing_key(const CardStep& step) {
    return fmt::format("{} {}", what_of(step), place_of(step));
}

}  // namespace

Deadline CardCalls::store_deadline() const {
    return runtime_.within(card_store_patience);
}

void CardCalls::note_failure(const Failure& failure, const CardStep& step) {
    if (failing_.size() >= failing_max) failing_.clear();
    auto& place = failing_.try_emplace(failing_key(step), Failing{.since = runtime_.now()}).first->second;
    ++place.times;
    const auto now = runtime_.now();
    const bool busy = failure.trouble == Trouble::overloaded;
    const bool long_enough = now - place.since >= (busy ? busy_said_after : failing_said_after);
    if (!long_enough || (place.said_at && now - *place.said_at < failing_said_every)) return;
    place.said_at = now;
    log::warn("outbox", "{} has taken no {} for {} ({} attempts), and is tried again: {}", place_of(step),
              what_of(step),
              duration_text(std::chrono::duration_cast<std::chrono::seconds>(now - place.since).count()),
              place.times, failure.detail);
}

void CardCalls::note_success(const CardStep& step) {
    if (failing_.empty()) return;
    auto found = failing_.find(failing_key(step));
    if (found == failing_.end()) return;
    const auto& place = found->second;
    if (place.said_at)
        log::info(
            "outbox", "{} takes {}s again, after {}", place_of(step), what_of(step),
            duration_text(
                std::chrono::duration_cast<std::chrono::seconds>(runtime_.now() - place.since).count()));
    failing_.erase(found);
}

CardAnswer CardCalls::after(const Failure& failure, const CardStep& step, core::RequestId request) {
    auto answer = answer_of(failure);
    const bool shows = step.act == Act::post || step.act == Act::edit || step.act == Act::say;
    if (shows && answer.how != CardAnswer::How::refused && answer.how != CardAnswer::How::gone)
        note_failure(failure, step);
    parts_.counters.count(step.act == Act::say ? "line_failed" : "card_failed", name_of(failure.trouble));
    if (answer.how == CardAnswer::How::refused)
        log::warn("outbox", "the card of {} cannot be shown{}{}: {}", request.text(),
                  step.target.channel.empty() ? "" : " in ", step.target.channel, failure.detail);
    return answer;
}

asio::awaitable<CardAnswer> CardCalls::carry_out(CardStep step, core::RequestId request, CasePtr now,
                                                 bool first) {
    const auto begun = runtime_.now();
    const auto version = now ? now->c.version() : 0;
    const bool shows = step.act == Act::post || step.act == Act::edit;
    auto answer = co_await attempt(step, request, std::move(now), first);
    if (shows && version > 0 && runtime_.tracer) {
        Span span{.name = "card",
                  .request = request,
                  .kind = Span::Kind::client,
                  .of = {},
                  .parent = span_of_entry(request, version),
                  .begun = {},
                  .ended = {},
                  .failed = !answer,
                  .attributes = {{"countersign.chat", std::string(core::name_of(step.target.surface))}}};
        runtime_.trace(std::move(span), begun);
    }
    if (!answer) co_return after(answer.error(), step, request);
    const bool said = step.act == Act::say;
    if (answer->how == CardAnswer::How::done && (shows || said)) note_success(step);
    co_return std::move(*answer);
}

Later<CardAnswer> CardCalls::attempt(CardStep step, core::RequestId request, CasePtr now, bool first) {
    if (step.act == Act::adopt) {
        auto adopted = co_await parts_.outbox.adopt(request, step.target, step.message, store_deadline());
        if (!adopted) co_return pass(adopted);
        co_return CardAnswer{};
    }
    const auto* entry = parts_.chats.find(step.target.surface);
    if (entry == nullptr)  // another process may serve that chat
        co_return CardAnswer{.how = CardAnswer::How::overloaded,
                             .not_before = runtime_.now() + other_chats_pause};
    if (step.act == Act::look || step.act == Act::read_thread)
        co_return co_await search(*entry, std::move(step), request, std::move(now));
    if (step.act == Act::post || step.act == Act::say)
        if (auto until = quiet_until(step, *now)) co_return co_await hold(std::move(step), *until);
    if (step.act == Act::list) co_return co_await list(std::move(step));
    if (step.act == Act::say) co_return co_await say(*entry, std::move(step), std::move(now), first);
    co_return co_await show(*entry, std::move(step), std::move(now));
}

Later<CardAnswer> CardCalls::say(const Chats::Entry& entry, CardStep step, CasePtr now, bool first) {
    const auto until = chat_deadline();
    auto line = lines_of(step, now->c, *parts_.roster.snapshot(), runtime_.now());
    if (line.text.empty()) co_return CardAnswer{};
    std::optional<CardAnswer> instead;
    if (step.batch) instead = co_await find_thread(step);
    if (instead && instead->how != CardAnswer::How::done) co_return std::move(*instead);
    if (first) {
        auto told = co_await tell_requesters(entry, step, now);
        if (!told) co_return pass(told);
    }
    if (instead) co_return std::move(*instead);
    if (step.batch) line.about = now->c.request->number;
    LineMark mark{now->c.request->id, step.to - 1};
    auto said = co_await entry.chat.say(step.message, line, mark, until);
    if (!said && step.batch && said.error().trouble == Trouble::not_found) {
        // Whoever removed the list did not decide anything: it is shown anew, unless nothing in it is open.
        auto listed = co_await list(std::move(step));
        if (!listed) co_return pass(listed);
        co_return CardAnswer{.how = CardAnswer::How::unavailable};
    }
    if (!said) co_return pass(said);
    if (held_.erase(step.card) > 0) co_await note_problem(step.card, {});
    co_return CardAnswer{};
}

asio::awaitable<std::optional<CardAnswer>> CardCalls::find_thread(CardStep& step) {
    const CardAnswer later{.how = CardAnswer::How::unavailable};
    if (parts_.batches == nullptr) co_return later;
    auto known = co_await parts_.batches->batched(*step.batch, store_deadline());
    if (!known) co_return later;
    if (known->message) {
        step.message = std::move(*known->message);
        co_return std::nullopt;
    }
    // What had ended before it could be listed is told nowhere; a list that is not posted yet is waited for.
    co_return known->closed ? CardAnswer{} : later;
}

std::optional<core::Instant> CardCalls::quiet_until(const CardStep& step, const CaseNow& now) {
    if (parts_.quiet == nullptr || !core::shown_in_private(now.c.applied->notify, step.target.surface))
        return std::nullopt;
    auto directory = parts_.roster.snapshot();
    const auto account = directory->full(core::chat_account(step.target.surface, {}, step.target.channel));
    if (directory->user(account) == nullptr) return std::nullopt;  // a channel
    return parts_.quiet->until(*directory, account, runtime_.now());
}

asio::awaitable<CardAnswer> CardCalls::hold(CardStep step, core::Instant until) {
    parts_.counters.count("card_held", core::name_of(step.target.surface));
    log::info("outbox", "nothing is said to {} before {}, because of their quiet hours", place_of(step),
              core::rfc3339(until));
    if (held_.size() < troubled_max) held_.insert(step.card);
    co_await note_problem(step.card, {.held_until = until});
    co_return CardAnswer{.how = CardAnswer::How::held, .not_before = until};
}

// A channel's card says who is not told yet in person.
void CardCalls::add_told_later(core::CardView& view, const CardStep& step, const CaseNow& now) {
    const auto chat = step.target.surface;
    if (parts_.quiet == nullptr || !core::shown_in_private(now.c.applied->notify, chat)) return;
    auto directory = parts_.roster.snapshot();
    for (const auto& alternative : view.missing)
        for (const core::CardLack& lack : alternative)
            for (const core::Who& who : lack.could_approve) {
                const bool here = who.account && core::parts(*who.account).kind == core::name_of(chat);
                const bool twice =
                    std::ranges::any_of(view.told_later, [&](const auto& one) { return one.first == who; });
                if (!here || lack.later || twice) continue;
                if (auto until = parts_.quiet->until(*directory, *who.account, runtime_.now()))
                    view.told_later.emplace_back(who, *until);
            }
}

// Says whether somebody has to mend something about the channel.
bool CardCalls::barred(const Failure& failure) {
    const auto how = answer_of(failure).how;
    return how == CardAnswer::How::refused || how == CardAnswer::How::gone;
}

// What is known of a card's channel is remembered for whoever asks why nobody sees a request.
asio::awaitable<void> CardCalls::note_problem(core::CardId card, CardNote note) {
    const bool none = note == CardNote{};
    const bool was = troubled_.contains(card);
    if (none && !was) co_return;
    if (none)
        troubled_.erase(card);
    else if (troubled_.size() < troubled_max)
        troubled_.insert(card);
    auto noted = co_await parts_.outbox.note_problem(card, std::move(note), store_deadline());
    if (!noted) log::warn("outbox", "the trouble of a card is not noted: {}", noted.error().detail);
}

// Says whether the chat's default channel shows the card where its own cannot. Without a channel of their own
// in that chat, the rules' requests stand there anyway; and a person who cannot be reached is no channel
// whose people see nothing.
bool CardCalls::falls_back(const Chats::Entry& entry, const CardTarget& target, const CaseNow& now) {
    const auto& instead = entry.default_channel;
    if (instead.empty() || target.channel == instead) return false;
    if (target.channel.empty()) return true;
    const auto channels = core::channels_of(now.c.applied->notify, target.surface);
    auto named = [&](const std::string& one) { return std::ranges::find(channels, one) != channels.end(); };
    if (channels.empty() || named(instead)) return false;
    return named(target.channel) || escalates_to(now, target);
}

// Where a channel cannot be posted to, the chat's default channel shows the card, unless it does so anyway.
Later<MessageRef> CardCalls::post(const Chats::Entry& entry, CardStep step, CasePtr now) {
    const auto deadline = chat_deadline();
    const auto view = co_await view_of(step, now);
    Result<MessageRef> posted = fail(Trouble::invalid_input, std::string{no_channel});
    if (!step.target.channel.empty()) posted = co_await entry.chat.post(view, step.target.channel, deadline);
    if (posted) {
        co_await note_problem(step.card, {});
        co_return posted;
    }
    if (!barred(posted.error())) co_return posted;
    const std::string problem = posted.error().detail;
    if (falls_back(entry, step.target, *now)) {
        const auto& instead = entry.default_channel;
        auto elsewhere = co_await entry.chat.post(view, instead, deadline);
        if (elsewhere) {
            // A card that waited for a default channel is where it belongs now.
            const bool elsewhere_than_named = !step.target.channel.empty();
            if (elsewhere_than_named)
                log::warn("outbox", "a card for {} is posted in {} instead: {}", step.target.channel, instead,
                          problem);
            CardNote note;
            if (elsewhere_than_named) note = {.problem = problem, .fell_back = true};
            co_await note_problem(step.card, std::move(note));
            co_return elsewhere;
        }
        if (!barred(elsewhere.error())) co_return pass(elsewhere);
    }
    co_await note_problem(step.card, {.problem = problem});
    co_return posted;
}

// The card, compared with what was approved before while it is open.
asio::awaitable<core::CardView> CardCalls::view_of(CardStep step, CasePtr now) {
    auto directory = parts_.roster.snapshot();
    auto view = core::card(now->c, now->ruling, *directory, step.target.surface);
    if (parts_.receipts != nullptr) view.receipt = parts_.receipts->link(now->c.request->id, now->ruling);
    if (!core::open(now->ruling.state) || step.act == Act::retire) co_return view;
    add_told_later(view, step, *now);
    auto before = co_await approved_before(parts_.cases, now->c, runtime_.within(compare_patience));
    if (before && *before)
        view.before = core::card_before((*before)->c, (*before)->ruling, *directory, step.target.surface);
    co_return view;
}

// Whose request was decided is told so in private. The line in the thread comes after it: where it was not
// said, both are done again. An answer that is lost counts as one, and what the chat refuses is left: the
// line mentions them all the same.
Later<Done> CardCalls::tell_requesters(const Chats::Entry& chat, const CardStep& step, CasePtr now) {
    const auto until = runtime_.within(private_patience);
    auto directory = parts_.roster.snapshot();
    for (auto index = static_cast<std::size_t>(step.from); index < static_cast<std::size_t>(step.to);
         ++index) {
        if (!core::decides(now->c, index)) continue;
        for (const core::Who& who : core::requesters_to_tell(now->c, index, *directory, chat.surface)) {
            if (!who.account || !private_pace_.lets(*who.account, runtime_.now())) continue;
            const auto view = core::card(now->c, now->ruling, *directory, chat.surface);
            Confidence news{.lines = {core::notification_text(view)}, .offer = {}};
            auto told = co_await chat.confidant.confide(*who.account, std::move(news), until);
            if (told) continue;
            if (told.error().trouble == Trouble::unavailable) co_return pass(told);
            log::debug("outbox", "a requester was not told in private: {}", told.error().detail);
        }
    }
    co_return Done{};
}

// A row of a batch says how its request stands.
Later<CardAnswer> CardCalls::list(CardStep step) {
    if (parts_.batches == nullptr)  // another process is set up to show them
        co_return CardAnswer{.how = CardAnswer::How::overloaded,
                             .not_before = runtime_.now() + other_chats_pause};
    auto changed = co_await parts_.batches->batch_changed(step.card, store_deadline());
    if (!changed) co_return fail(Trouble::unavailable, changed.error().detail);
    co_return CardAnswer{};
}

// What is asked again and again stands on one card. Where it cannot be told whether, it has its own.
asio::awaitable<CardAnswer> CardCalls::join(const Chats::Entry& entry, CardStep step, CasePtr now) {
    const bool may = parts_.batches != nullptr && runtime_.limits.collapse_cards &&
                     !step.target.channel.empty() && entry.chat.shows_batches() && step.first_try &&
                     core::open(now->ruling.state);
    CardAnswer alone{.how = CardAnswer::How::refused};
    if (!may) co_return alone;
    auto joined = co_await parts_.batches->join(step.card, core::alike_text(now->c), store_deadline());
    if (!joined) {
        log::warn("outbox", "whether a card is one of many alike is not known: {}", joined.error().detail);
        co_return alone;
    }
    if (joined->how == Joined::How::later)
        co_return CardAnswer{.how = CardAnswer::How::overloaded, .not_before = runtime_.now() + batch_pause};
    if (joined->how == Joined::How::alone) co_return alone;
    co_return CardAnswer{.batch = joined->batch};
}

Later<CardAnswer> CardCalls::show(const Chats::Entry& entry, CardStep step, CasePtr now) {
    auto& chat = entry.chat;
    if (step.act == Act::post) {
        auto joined = co_await join(entry, step, now);
        if (joined.how != CardAnswer::How::refused) co_return joined;
        auto posted = co_await post(entry, std::move(step), std::move(now));
        if (!posted) co_return pass(posted);
        co_return CardAnswer{.messages = {std::move(*posted)}};
    }
    const auto until = chat_deadline();
    const auto view = co_await view_of(step, now);
    auto call = step.act == Act::retire ? chat.retire(step.message, view, until)
                                        : chat.refresh(step.message, view, until);
    auto shown = co_await std::move(call);
    if (!shown) co_return pass(shown);
    co_return CardAnswer{};
}

Later<CardAnswer> CardCalls::search(const Chats::Entry& entry, CardStep step, core::RequestId request,
                                    CasePtr now) {
    auto& chat = entry.chat;
    if (step.act == Act::look) {
        Result<std::vector<MessageRef>> found;
        if (!step.target.channel.empty())
            found = co_await chat.find_posted(request, step.target.channel, step.since, chat_deadline());
        if (!found) co_return pass(found);
        if (found->empty() && falls_back(entry, step.target, *now)) {
            found = co_await chat.find_posted(request, entry.default_channel, step.since, chat_deadline());
            if (!found) co_return pass(found);
        }
        co_return CardAnswer{.messages = std::move(*found)};
    }
    if (step.batch) {
        auto instead = co_await find_thread(step);
        if (instead) co_return std::move(*instead);
    }
    auto told = co_await chat.told_in_thread(step.message, request, chat_deadline());
    if (!told) co_return pass(told);
    co_return CardAnswer{.told = *told};
}

}  // namespace countersign::app
