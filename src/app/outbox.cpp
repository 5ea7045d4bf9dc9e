#include "countersign/app/outbox.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "app/card_machine.hpp"
#include "countersign/app/approved_before.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/core/thread_lines.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {

using Act = CardStep::Act;

constexpr core::Duration store_patience{std::chrono::seconds{5}};
// A place that takes no cards is spoken of after so long, and again each failing_said_every.
constexpr core::Duration failing_said_after{std::chrono::seconds{10}};
constexpr core::Duration busy_said_after{std::chrono::minutes{1}};  // where it only asks for patience
constexpr core::Duration failing_said_every{std::chrono::minutes{1}};
constexpr std::size_t failing_max = 1'000;                           // places
constexpr core::Duration private_patience{std::chrono::seconds{3}};  // the thread's line waits so long
constexpr std::size_t private_per_hour_max = 20;  // messages about outcomes, to one account
constexpr core::Duration compare_patience{
    std::chrono::seconds{2}};  // a card is shown without, rather than late
constexpr core::Duration other_chats_pause{std::chrono::seconds{60}};
constexpr std::size_t settle_rows = 64;
constexpr std::size_t rows_max = 16'384;  // held here; more wait in the store until their lease has run out
constexpr std::size_t troubled_max = 20'000;
constexpr std::size_t certain_max = 20'000;  // requests whose cards are remembered between their changes

LeasedWorkLimits limits_of(const Limits& limits) {
    return {.name = "outbox",
            .under_way_max = limits.cards_in_flight_max,
            .settle_rows = settle_rows,
            .settle_delay = std::chrono::milliseconds{20},
            .settle_pause = std::chrono::seconds{1},
            .poll = limits.poll,
            .finish_within = limits.lease};
}

// Lets so many private messages an hour go to one account: whoever owns a busy program is not buried.
class PrivatePace {
  public:
    bool lets(const core::AccountId& to, core::Instant now) {
        if (sent_.size() >= accounts_max && !sent_.contains(to)) sent_.clear();
        auto& its = sent_[to];
        while (!its.empty() && its.front() + std::chrono::hours{1} <= now) its.pop_front();
        if (its.size() >= private_per_hour_max) return false;
        its.push_back(now);
        return true;
    }

  private:
    static constexpr std::size_t accounts_max = 10'000;
    std::map<core::AccountId, std::deque<core::Instant>> sent_;
};

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

}  // namespace

struct Outbox::Impl final : LeasedWork {
    struct Certain {
        std::int32_t version;
        std::vector<CardState> cards;
    };

    // A channel that has taken nothing since.
    struct Failing {
        core::Instant since;
        std::optional<core::Instant> said_at = {};
        std::size_t times = 0;
    };

    Impl(const Runtime& with, asio::any_io_executor executor, Parts lent)
        : runtime(with),
          parts(lent),
          loop(*this, limits_of(with.limits), std::move(executor), with.clock, with.timers) {}

    asio::awaitable<bool> claim() override;
    std::optional<asio::awaitable<void>> next() override;
    std::size_t unsettled() const override { return to_settle.size() + writing; }
    Later<Done> settle() override;
    void abandon() override;
    Later<Done> hand_back(Deadline deadline) override { return parts.outbox.hand_back(lease(), deadline); }

    void commit(CasePtr now, std::optional<std::vector<CardState>> cards);
    CardMachine* row(core::RequestId request);
    void look_after(core::RequestId request);
    CardAnswer after(const Failure& failure, const CardStep& step, core::RequestId request);
    void note_failure(const Failure& failure, const CardStep& step);
    void note_success(const CardStep& step);
    asio::awaitable<void> carry(core::RequestId request, CardStep step);
    asio::awaitable<void> read(core::RequestId request);
    Later<CardAnswer> carry_out(CardStep step, core::RequestId request, CasePtr now);
    Later<CardAnswer> show(const Chats::Entry& entry, CardStep step, CasePtr now);
    Later<MessageRef> post(const Chats::Entry& entry, CardStep step, CasePtr now);
    Later<Done> note_problem(core::CardId card, std::string problem, bool fell_back);
    Later<CardAnswer> search(const Chats::Entry& entry, CardStep step, core::RequestId request);
    Later<Done> tell_requesters(const Chats::Entry& chat, const CardStep& step, CasePtr now);
    Later<core::CardView> view_of(CardStep step, CasePtr now);
    void settled(const SettledRow& row, const SettleAnswer& answer, core::Instant until);
    void remember(core::RequestId request, Certain known);
    static bool barred(const Failure& failure);
    Deadline chat_deadline() const { return runtime.within(runtime.limits.chat_deadline); }
    Deadline store_deadline() const { return runtime.within(store_patience); }
    Lease lease() const { return runtime.lease(); }

    const Runtime& runtime;
    Parts parts;
    std::unordered_map<core::RequestId, CardMachine> rows;
    std::deque<core::RequestId> ready;              // may have a step to begin
    std::unordered_set<core::RequestId> to_settle;  // have something to be written
    std::size_t writing = 0;
    std::unordered_map<std::string, Failing> failing;  // by chat and channel
    std::unordered_map<core::RequestId, Certain> certain;
    std::deque<core::RequestId> certain_order;
    std::set<core::CardId> troubled;  // cards of which a problem is on record
    PrivatePace private_pace;
    LeasedWorkLoop loop;
};

// ---- taking rows in

CardMachine* Outbox::Impl::row(core::RequestId request) {
    auto found = rows.find(request);
    if (found != rows.end()) return &found->second;
    if (rows.size() >= rows_max) return nullptr;
    CardRules rules{.call_max = runtime.limits.chat_deadline};
    return &rows.emplace(request, CardMachine{request, rules}).first->second;
}

void Outbox::Impl::commit(CasePtr now, std::optional<std::vector<CardState>> cards) {
    if (loop.stopping()) return;  // handed back at the end of the drain
    auto request = now->c.request->id;
    CardMachine* machine = row(request);
    if (machine == nullptr) return;
    certain.erase(request);
    machine->committed(std::move(now), std::move(cards), lease().until);
    look_after(request);
}

asio::awaitable<bool> Outbox::Impl::claim() {
    auto room = 2 * runtime.limits.cards_in_flight_max;
    if (rows.size() >= room) co_return false;
    auto asked = room - rows.size();
    auto until = lease();
    auto claimed = co_await parts.outbox.claim(until, runtime.now(), asked, store_deadline());
    if (!claimed) co_return false;
    for (auto& one : *claimed) {
        auto request = one.request;
        certain.erase(request);
        if (CardMachine* machine = row(request)) machine->claimed(std::move(one), until.until);
        look_after(request);
    }
    co_return claimed->size() >= asked&& rows.size() < room;
}

// ---- working them off

void Outbox::Impl::look_after(core::RequestId request) {
    auto found = rows.find(request);
    if (found == rows.end()) return;
    if (found->second.over()) {
        if (auto cards = found->second.certain())
            remember(request, {found->second.now()->c.version(), std::move(*cards)});
        rows.erase(found);
        to_settle.erase(request);
        loop.claim_more();
        return;
    }
    if (found->second.to_settle(runtime.now()) && to_settle.insert(request).second) loop.settle_more();
    ready.push_back(request);
    loop.begin_more();
}

std::optional<asio::awaitable<void>> Outbox::Impl::next() {
    while (!ready.empty()) {
        auto request = ready.front();
        auto found = rows.find(request);
        if (found == rows.end()) {
            ready.pop_front();
            continue;
        }
        auto step = found->second.next(runtime.now());
        if (found->second.to_settle(runtime.now()) && to_settle.insert(request).second) loop.settle_more();
        if (step) return carry(request, std::move(*step));
        ready.pop_front();
    }
    return std::nullopt;
}

// "#approvals in slack"
std::string place_of(const CardStep& step) {
    return visible(step.target.channel) + " in " + std::string(core::name_of(step.target.surface));
}

void Outbox::Impl::note_failure(const Failure& failure, const CardStep& step) {
    if (failing.size() >= failing_max) failing.clear();
    auto& place = failing.try_emplace(place_of(step), Failing{.since = runtime.now()}).first->second;
    ++place.times;
    const auto now = runtime.now();
    const bool busy = failure.trouble == Trouble::overloaded;
    const bool long_enough = now - place.since >= (busy ? busy_said_after : failing_said_after);
    if (!long_enough || (place.said_at && now - *place.said_at < failing_said_every)) return;
    place.said_at = now;
    log::warn("outbox", "{} has taken no card for {} ({} attempts), and is tried again: {}", place_of(step),
              duration_text(std::chrono::duration_cast<std::chrono::seconds>(now - place.since).count()),
              place.times, failure.detail);
}

void Outbox::Impl::note_success(const CardStep& step) {
    if (failing.empty()) return;
    auto found = failing.find(place_of(step));
    if (found == failing.end()) return;
    const auto& place = found->second;
    if (place.said_at)
        log::info("outbox", "{} takes cards again, after {}", place_of(step),
                  duration_text(
                      std::chrono::duration_cast<std::chrono::seconds>(runtime.now() - place.since).count()));
    failing.erase(found);
}

CardAnswer Outbox::Impl::after(const Failure& failure, const CardStep& step, core::RequestId request) {
    auto answer = answer_of(failure);
    const bool shows = step.act == Act::post || step.act == Act::edit || step.act == Act::say;
    if (shows && answer.how != CardAnswer::How::refused && answer.how != CardAnswer::How::gone)
        note_failure(failure, step);
    parts.counters.count(step.act == Act::say ? "line_failed" : "card_failed", name_of(failure.trouble));
    if (answer.how == CardAnswer::How::refused)
        log::warn("outbox", "the card of {} cannot be shown in {}: {}", request.text(), step.target.channel,
                  failure.detail);
    return answer;
}

asio::awaitable<void> Outbox::Impl::carry(core::RequestId request, CardStep step) {
    if (step.act == Act::read) {
        co_await read(request);
    } else {
        auto answer = co_await carry_out(step, request, rows.at(request).now());
        if (!answer)
            answer = after(answer.error(), step, request);
        else if (answer->how == CardAnswer::How::done && (step.act == Act::post || step.act == Act::edit))
            note_success(step);
        // Abandoned rows may be gone.
        if (auto found = rows.find(request); found != rows.end())
            found->second.answered(step, *answer, runtime.now(), rt::fraction(runtime.entropy));
    }
    look_after(request);
}

asio::awaitable<void> Outbox::Impl::read(core::RequestId request) {
    bool known = rows.at(request).knows_cards();
    CasePtr now = rows.at(request).now();
    std::optional<Failure> failed;
    std::optional<std::vector<CardState>> cards;
    if (!known) {
        auto read = co_await parts.outbox.cards_of(request, store_deadline());
        if (read)
            cards = std::move(*read);
        else
            failed = read.error();
    }
    // Where a commit leased the row, it has brought the newest case along.
    if (!failed && (known || !now)) {
        auto read = co_await read_case(parts.cases, request, store_deadline());
        if (read)
            now = std::move(*read);
        else
            failed = read.error();
    }
    auto found = rows.find(request);
    if (found == rows.end()) co_return;
    if (!failed) co_return found->second.read(std::move(now), std::move(cards));
    log::warn("outbox", "cannot read {}: {}", request.text(), failed->detail);
    found->second.cannot_read(runtime.now(), rt::fraction(runtime.entropy));
}

Later<CardAnswer> Outbox::Impl::carry_out(CardStep step, core::RequestId request, CasePtr now) {
    if (step.act == Act::adopt) {
        auto adopted = co_await parts.outbox.adopt(request, step.target, step.message, store_deadline());
        if (!adopted) co_return pass(adopted);
        co_return CardAnswer{};
    }
    const auto* entry = parts.chats.find(step.target.surface);
    if (entry == nullptr)  // another process may serve that chat
        co_return CardAnswer{.how = CardAnswer::How::overloaded,
                             .not_before = runtime.now() + other_chats_pause};
    if (step.act == Act::look || step.act == Act::read_thread)
        co_return co_await search(*entry, std::move(step), request);
    if (step.act != Act::say) co_return co_await show(*entry, std::move(step), std::move(now));
    const auto until = chat_deadline();
    auto line = lines_of(step, now->c, *parts.roster.snapshot(), runtime.now());
    if (line.text.empty()) co_return CardAnswer{};
    if (rows.at(request).is_first(step.card)) {
        auto told = co_await tell_requesters(*entry, step, now);
        if (!told) co_return pass(told);
    }
    LineMark mark{request, step.to - 1};
    auto said = co_await entry->chat.say(step.message, line, mark, until);
    if (!said) co_return pass(said);
    co_return CardAnswer{};
}

// Says whether somebody has to mend something about the channel.
bool Outbox::Impl::barred(const Failure& failure) {
    const auto how = answer_of(failure).how;
    return how == CardAnswer::How::refused || how == CardAnswer::How::gone;
}

// What is known of a card's channel is remembered for whoever asks why nobody sees a request.
Later<Done> Outbox::Impl::note_problem(core::CardId card, std::string problem, bool fell_back) {
    const bool was = troubled.contains(card);
    if (problem.empty() && !was) co_return Done{};
    if (problem.empty())
        troubled.erase(card);
    else if (troubled.size() < troubled_max)
        troubled.insert(card);
    auto noted = co_await parts.outbox.note_problem(card, std::move(problem), fell_back, store_deadline());
    if (!noted) log::warn("outbox", "the trouble of a card is not noted: {}", noted.error().detail);
    co_return Done{};
}

// Where a channel cannot be posted to, the chat's default channel shows the card, unless it does so anyway.
Later<MessageRef> Outbox::Impl::post(const Chats::Entry& entry, CardStep step, CasePtr now) {
    const auto deadline = chat_deadline();
    auto drawn = co_await view_of(step, now);
    const core::CardView& view = *drawn;
    auto posted = co_await entry.chat.post(view, step.target.channel, deadline);
    if (posted) {
        co_await note_problem(step.card, {}, false);
        co_return posted;
    }
    if (!barred(posted.error())) co_return posted;
    const std::string problem = posted.error().detail;
    const auto& instead = entry.default_channel;
    const auto& named = now->c.applied->notify;
    auto its = named.find(step.target.surface);
    // Without a channel of their own in that chat, the rules' requests stand there anyway.
    const bool there_anyway = its == named.end() || its->second.empty() || step.target.channel == instead ||
                              std::ranges::find(its->second, instead) != its->second.end();
    if (!instead.empty() && !there_anyway) {
        auto elsewhere = co_await entry.chat.post(view, instead, deadline);
        if (elsewhere) {
            log::warn("outbox", "a card for {} is posted in {} instead: {}", step.target.channel, instead,
                      problem);
            co_await note_problem(step.card, problem, true);
            co_return elsewhere;
        }
        if (!barred(elsewhere.error())) co_return pass(elsewhere);
    }
    co_await note_problem(step.card, problem, false);
    co_return posted;
}

// The card, compared with what was approved before while it is open.
Later<core::CardView> Outbox::Impl::view_of(CardStep step, CasePtr now) {
    auto directory = parts.roster.snapshot();
    auto view = core::card(now->c, now->ruling, *directory, step.target.surface);
    if (!core::open(now->ruling.state) || step.act == Act::retire) co_return view;
    auto before = co_await approved_before(parts.cases, now->c, runtime.within(compare_patience));
    if (before && *before)
        view.before = core::card_before((*before)->c, (*before)->ruling, *directory, step.target.surface);
    co_return view;
}

// Whose request was decided is told so in private. The line in the thread comes after it: where it was not
// said, both are done again. An answer that is lost counts as one, and what the chat refuses is left: the
// line mentions them all the same.
Later<Done> Outbox::Impl::tell_requesters(const Chats::Entry& chat, const CardStep& step, CasePtr now) {
    const auto until = runtime.within(private_patience);
    auto directory = parts.roster.snapshot();
    for (auto index = static_cast<std::size_t>(step.from); index < static_cast<std::size_t>(step.to);
         ++index) {
        if (!core::decides(now->c, index)) continue;
        const auto view = core::card(now->c, now->ruling, *directory, chat.surface);
        for (const core::Who& who : core::requesters_to_tell(now->c, index, *directory, chat.surface)) {
            if (!who.account || !private_pace.lets(*who.account, runtime.now())) continue;
            Confidence news{.lines = {core::notification_text(view)}, .offer = {}};
            auto told = co_await chat.confidant.confide(*who.account, std::move(news), until);
            if (told) continue;
            if (told.error().trouble == Trouble::unavailable) co_return pass(told);
            log::debug("outbox", "a requester was not told in private: {}", told.error().detail);
        }
    }
    co_return Done{};
}

Later<CardAnswer> Outbox::Impl::show(const Chats::Entry& entry, CardStep step, CasePtr now) {
    auto& chat = entry.chat;
    if (step.act == Act::post) {
        auto posted = co_await post(entry, std::move(step), std::move(now));
        if (!posted) co_return pass(posted);
        co_return CardAnswer{.messages = {std::move(*posted)}};
    }
    const auto until = chat_deadline();
    auto view = co_await view_of(step, now);
    auto call = step.act == Act::retire ? chat.retire(step.message, *view, until)
                                        : chat.refresh(step.message, *view, until);
    auto shown = co_await std::move(call);
    if (!shown) co_return pass(shown);
    co_return CardAnswer{};
}

Later<CardAnswer> Outbox::Impl::search(const Chats::Entry& entry, CardStep step, core::RequestId request) {
    auto& chat = entry.chat;
    if (step.act == Act::look) {
        auto found = co_await chat.find_posted(request, step.target.channel, step.since, chat_deadline());
        if (!found) co_return pass(found);
        // It may have been posted in the default channel instead.
        const auto& instead = entry.default_channel;
        if (found->empty() && !instead.empty() && instead != step.target.channel) {
            found = co_await chat.find_posted(request, instead, step.since, chat_deadline());
            if (!found) co_return pass(found);
        }
        co_return CardAnswer{.messages = std::move(*found)};
    }
    auto told = co_await chat.told_in_thread(step.message, request, chat_deadline());
    if (!told) co_return pass(told);
    co_return CardAnswer{.told = *told};
}

// ---- writing down what became of them

Later<Done> Outbox::Impl::settle() {
    std::vector<SettledRow> batch;
    for (auto it = to_settle.begin(); it != to_settle.end() && batch.size() < settle_rows;) {
        auto found = rows.find(*it);
        if (found != rows.end() && found->second.to_settle(runtime.now()))
            batch.push_back(found->second.settling(runtime.now()));
        it = to_settle.erase(it);
    }
    if (batch.empty()) co_return Done{};
    writing = batch.size();
    auto until = lease();
    auto answer = co_await parts.outbox.settle(batch, until, store_deadline());
    writing = 0;
    for (const auto& one : batch) {
        if (answer) {
            settled(one, *answer, until.until);
        } else if (auto found = rows.find(one.request); found != rows.end()) {
            found->second.not_settled();
            to_settle.insert(one.request);
        }
    }
    if (!answer) co_return pass(answer);
    co_return Done{};
}

void Outbox::Impl::settled(const SettledRow& row, const SettleAnswer& answer, core::Instant until) {
    auto found = rows.find(row.request);
    if (found == rows.end()) return;
    for (const auto& card : row.cards) {
        const auto* entry = parts.chats.find(card.state.target.surface);
        if (card.state.message && entry != nullptr) entry->chat.remember(*card.state.message);
    }
    auto behind = std::ranges::find(answer.behind, row.request, &OutboxRow::request);
    if (std::ranges::find(answer.lost, row.request) != answer.lost.end())
        found->second.lost();
    else
        found->second.settled(until, behind == answer.behind.end() ? std::nullopt : std::optional{*behind});
    look_after(row.request);
}

void Outbox::Impl::abandon() {
    for (auto& [request, machine] : rows) {
        machine.abandon();
        if (machine.to_settle(runtime.now())) to_settle.insert(request);
    }
}

void Outbox::Impl::remember(core::RequestId request, Certain known) {
    if (!certain.insert_or_assign(request, std::move(known)).second) return;
    certain_order.push_back(request);
    if (certain_order.size() <= certain_max) return;
    certain.erase(certain_order.front());
    certain_order.pop_front();
}

// ---- the outside

Outbox::Outbox(const Runtime& runtime, rt::asio::any_io_executor executor, Parts parts)
    : impl_(std::make_unique<Impl>(runtime, std::move(executor), parts)) {}

Outbox::~Outbox() = default;

void Outbox::opened(CasePtr now, std::vector<CardState> cards) {
    auto known = cards.empty() ? std::nullopt : std::optional{std::move(cards)};
    impl_->commit(std::move(now), std::move(known));
}

void Outbox::changed(CasePtr now, std::int32_t before) {
    // Whoever else had changed the cards since would have seen an entry that is not known here.
    auto known = impl_->certain.find(now->c.request->id);
    std::optional<std::vector<CardState>> cards;
    if (known != impl_->certain.end() && known->second.version == before)
        cards = std::move(known->second.cards);
    impl_->commit(std::move(now), std::move(cards));
}

void Outbox::leases_freed() {
    impl_->loop.claim_more();
}

rt::asio::awaitable<void> Outbox::run() {
    return impl_->loop.run();
}

Later<Done> Outbox::drain(Deadline deadline) {
    return impl_->loop.drain(deadline);
}

}  // namespace countersign::app
