#include "http/event_calls.hpp"

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <span>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/event.hpp"
#include "http/reading.hpp"

namespace countersign::http {
namespace {

constexpr core::Duration keep_alive{std::chrono::seconds{15}};
constexpr core::Duration read_patience{std::chrono::seconds{5}};
constexpr core::Duration look_again{std::chrono::seconds{1}};
constexpr std::size_t streams_max = 1'000;
constexpr std::size_t write_bytes_max = 64 * 1024;  // then a write goes out; its last block may go beyond
constexpr std::size_t store_events_max = 50;        // read at once for one stream
constexpr std::size_t woken_together_max = 64;
constexpr std::size_t made_together_max = 16;  // documents, before others have their turn
constexpr std::size_t scans_per_page_max = 10;
constexpr std::size_t event_overhead_bytes = 1'024;  // of one in the tail, beside its texts
// No log is so long; what comes after it is nothing but the log's size.
constexpr std::int64_t far_beyond = INT64_MAX - 2 * app::EventLog::scan_max;

rt::asio::awaitable<void> let_others() {
    auto executor = co_await rt::asio::this_coro::executor;
    rt::asio::use_awaitable_t<> token;
    co_await rt::asio::post(executor, token);
}

std::unexpected<Failure> beyond_the_end(std::int64_t after, std::int64_t size) {
    return fail(Trouble::invalid_input,
                "the log has " + std::to_string(size) + " events, and " + std::to_string(after) +
                    " is none of them: this id is from another log; begin again with after=-1",
                "beyond_the_end");
}

}  // namespace

EventCalls::EventCalls(const HttpSettings& settings, const app::Runtime& runtime, app::Roster& roster,
                       app::LogTail& log, Gate& gate)
    : runtime_(runtime),
      roster_(roster),
      log_(log),
      gate_(gate),
      source_(settings.public_url.empty() ? "countersign" : settings.public_url),
      tail_events_max_(settings.tail_events_max),
      tail_bytes_max_(settings.tail_bytes_max) {}

std::vector<Route> EventCalls::routes() {
    return {{"GET", "/v1/events", [this](Call& call) { return answer(call); }, true}};
}

bool EventCalls::wanted(const Asked& asked, const app::Caller& caller, const app::LoggedEvent& event) const {
    const core::Case* c = event.request.get();
    if (!caller.token.has(app::Scope::read) && !(c && app::own(caller, c->request))) return false;
    // What is done to the house itself lies within no bounds.
    if (c ? !app::covers(caller.token, c->request) : app::bounded(caller.token)) return false;
    if (c && !reads(caller, *c, *roster_.snapshot())) return false;
    if (!matches(asked.query.filter, event)) return false;
    if (!asked.query.approver) return true;
    if (!c || event.state != core::State::pending) return false;
    auto entries =
        std::span{c->entries}.first(static_cast<std::size_t>(std::min(event.version, c->version())));
    core::Case then{c->request, c->applied, {entries.begin(), entries.end()}};
    auto ruling = core::decide(then);
    auto directory = roster_.snapshot();
    return std::ranges::any_of(asked.approvers, [&](const auto& account) {
        return core::could_approve(then, ruling, *directory, account);
    });
}

core::Value EventCalls::document(const app::LoggedEvent& event) const {
    return wire::logged_event(event, *roster_.snapshot(), source_);
}

// JSON holds no line end, so it is one `data` field.
std::string EventCalls::block(const app::LoggedEvent& event) const {
    return "id: " + std::to_string(event.index) + "\nevent: " + event.type +
           "\ndata: " + core::canonical(document(event)) + "\n\n";
}

// ---- asking

Later<net::HttpResponse> EventCalls::answer(Call& call) {
    if (!call.caller.token.has(app::Scope::request)) {
        auto scope = needs(call.caller, app::Scope::read);
        if (!scope) co_return pass(scope);
    }
    auto query = event_query(call.target, call.exchange.request().fields, runtime_.now());
    if (!query) co_return pass(query);
    auto directory = roster_.snapshot();
    auto approvers = approvers_of(query->approver, call.caller, *directory);
    if (!approvers) co_return pass(approvers);
    auto voter = voter_of(query->voter, call.caller, *directory);
    if (!voter) co_return pass(voter);
    query->filter.voter = std::move(*voter);
    bool paged = query->paged;
    Asked asked{std::move(*query), std::move(*approvers)};
    if (paged) co_return co_await page(call, std::move(asked));
    auto streamed = co_await stream(call, std::move(asked));
    if (!streamed) co_return pass(streamed);
    co_return net::HttpResponse{};
}

Later<net::HttpResponse> EventCalls::page(Call& call, Asked asked) {
    const std::size_t limit = asked.query.limit;
    std::int64_t position = asked.query.after.value_or(-1);
    std::int64_t size = 0;
    auto events = core::Value::array();
    for (std::size_t scans = 0; scans < scans_per_page_max && events.items()->size() < limit; ++scans) {
        auto page = co_await read(position, asked.query.filter, limit - events.items()->size());
        if (!page) co_return pass(page);
        size = page->size;
        if (position >= size && position >= 0) co_return beyond_the_end(position, size);
        for (const auto& event : page->events) {
            if (!wanted(asked, call.caller, event)) continue;
            events.push(document(event));
            if (events.items()->size() % made_together_max == 0) co_await let_others();
        }
        position = page->through;
        if (position + 1 >= size) break;
    }
    co_return json_answer(200, core::canonical(core::Value::object({{"events", std::move(events)},
                                                                    {"more", position + 1 < size},
                                                                    {"next_after", position},
                                                                    {"size", size}})));
}

Later<app::LogPage> EventCalls::read(std::int64_t after, app::EventFilter filter, std::size_t at_most) {
    if (!read_) read_.emplace(co_await rt::asio::this_coro::executor);
    auto deadline = runtime_.within(read_patience);
    while (reading_) {
        if (runtime_.now() >= deadline.at) co_return fail(Trouble::overloaded, "busy, try again");
        co_await read_->wait_until(runtime_.timers, deadline.at);
    }
    struct Turn {
        explicit Turn(EventCalls& e) : events(e) { events.reading_ = true; }
        ~Turn() {
            events.reading_ = false;
            events.read_->notify_one();
        }
        EventCalls& events;
    } turn{*this};
    co_return co_await log_.events().read(after, std::move(filter), at_most, deadline);
}

// ---- one stream

Later<Done> EventCalls::stream(Call& call, Asked asked) {
    if (streams_.size() >= streams_max)
        co_return fail(Trouble::overloaded, "too many clients follow the log: try again in a few seconds",
                       "too_many_streams");
    auto end = co_await read(far_beyond, {}, 1);
    if (!end) co_return pass(end);
    std::int64_t after = asked.query.after.value_or(end->size - 1);
    if (after >= end->size && after >= 0) co_return beyond_the_end(after, end->size);

    struct Enlisted {
        Enlisted(EventCalls& e, Stream& s, std::int64_t size) : events(e), stream(s) {
            if (events.streams_.empty()) {
                ++events.tails_;
                events.tail_end_ = size;
            }
            place = events.streams_.insert(events.streams_.end(), &stream);
        }
        ~Enlisted() {
            stream.call.exchange.on_peer_gone({});
            events.streams_.erase(place);
            if (!events.streams_.empty()) return;
            events.tail_.clear();
            events.tail_bytes_ = 0;
        }
        EventCalls& events;
        Stream& stream;
        std::list<Stream*>::iterator place;
    };
    auto executor = co_await rt::asio::this_coro::executor;
    Stream stream{call, std::move(asked), after, executor};
    Enlisted enlisted{*this, stream, end->size};
    call.waited = true;
    net::HttpResponse head;
    head.fields.add("Content-Type", "text/event-stream");
    head.fields.add("Cache-Control", "no-store");
    head.fields.add("X-Accel-Buffering", "no");
    auto begun = co_await call.exchange.begin_stream(std::move(head));
    if (!begun) co_return Done{};
    call.exchange.on_peer_gone([&stream] {
        stream.gone = true;
        stream.signal.notify_all();
    });
    // Growth that was heard while nobody streamed.
    log_.grown().notify_all();
    co_await run(stream);
    co_return Done{};
}

rt::asio::awaitable<void> EventCalls::run(Stream& stream) {
    std::string text = "retry: 2000\n: after " + std::to_string(stream.position) + "\n\n";
    for (;;) {
        if (!text.empty()) {
            auto written = co_await stream.call.exchange.write(text);
            if (!written) co_return;
            stream.spoken_at = runtime_.now();
            text.clear();
        }
        if (stream.gone) co_return;
        auto over = co_await reason_to_end(stream);
        if (over) {
            auto word = core::Value::object(
                {{"after", stream.position}, {"code", over->code}, {"detail", over->detail}});
            text = "event: end\ndata: " + core::canonical(word) + "\n\n";
            co_await stream.call.exchange.write(text);
            co_return;
        }
        auto next = co_await next_text(stream);
        if (next && !next->empty()) {
            text = std::move(*next);
            continue;
        }
        bool at_end = stream.position + 1 >= tail_end_;
        if (next && !at_end) continue;
        // So often it is seen whether the token is still good, and whether a read that failed succeeds now.
        auto until = std::min(stream.spoken_at + keep_alive, runtime_.now() + look_again);
        co_await stream.signal.wait_until(runtime_.timers, until);
        auto asked = co_await rt::asio::this_coro::cancellation_state;
        if (asked.cancelled() != rt::asio::cancellation_type::none) co_return;
        if (runtime_.now() >= stream.spoken_at + keep_alive) text = ": keep-alive\n\n";
    }
}

rt::asio::awaitable<std::optional<EventCalls::LastWord>> EventCalls::reason_to_end(Stream& stream) {
    if (log_.closed())
        co_return LastWord{"server_closing",
                           "this server is going down: connect again with Last-Event-ID, nothing is lost"};
    if (stream.caught_up && stream.position + 1 < tail_begin())
        co_return LastWord{
            "slow_reader",
            "this client reads more slowly than events happen: connect again with Last-Event-ID, "
            "nothing is lost"};
    auto deadline = runtime_.within(read_patience);
    auto caller = co_await gate_.again(stream.call.caller, stream.call.exchange.request(), deadline);
    if (caller)
        stream.call.caller = std::move(*caller);
    else if (caller.error().trouble == Trouble::unauthenticated)
        co_return LastWord{caller.error().code, caller.error().detail};
    co_return std::nullopt;
}

// What comes next, as far as it fits one write; empty: nothing that is wanted, or nothing at all.
Later<std::string> EventCalls::next_text(Stream& stream) {
    bool in_tail = stream.position + 1 >= tail_begin();
    if (in_tail || stream.caught_up) co_return text_from_tail(stream);
    co_return co_await text_from_store(stream);
}

std::string EventCalls::text_from_tail(Stream& stream) const {
    std::string text;
    stream.caught_up = true;
    while (stream.position + 1 >= tail_begin() && stream.position + 1 < tail_end_ &&
           text.size() < write_bytes_max) {
        const Item& item = tail_[static_cast<std::size_t>(stream.position + 1 - tail_begin())];
        if (wanted(stream.asked, stream.call.caller, item.event)) text += item.block;
        ++stream.position;
    }
    return text;
}

Later<std::string> EventCalls::text_from_store(Stream& stream) {
    auto page = co_await read(stream.position, stream.asked.query.filter, store_events_max);
    if (!page) co_return pass(page);
    std::string text;
    std::size_t made = 0;
    for (const auto& event : page->events) {
        if (text.size() >= write_bytes_max) co_return text;
        stream.position = event.index;
        if (!wanted(stream.asked, stream.call.caller, event)) continue;
        text += block(event);
        if (++made % made_together_max == 0) co_await let_others();
    }
    stream.position = page->through;
    co_return text;
}

// ---- the tail

rt::asio::awaitable<void> EventCalls::follow() {
    bool closing_told = false;
    for (;;) {
        bool closing = log_.closed() && !std::exchange(closing_told, log_.closed());
        bool behind = !streams_.empty() && log_.size() > tail_end_;
        if (!behind && !closing) {
            co_await log_.grown().wait_until(runtime_.timers, runtime_.now() + keep_alive);
            continue;
        }
        Result<Done> extended = Done{};
        if (behind) extended = co_await extend_tail();
        co_await wake_streams();
        if (!extended) co_await runtime_.timers.sleep_until(runtime_.now() + look_again);
    }
}

Later<Done> EventCalls::extend_tail() {
    auto tail = tails_;
    auto page = co_await read(tail_end_ - 1, {}, app::EventLog::page_max);
    if (!page) co_return pass(page);
    std::size_t made = 0;
    for (auto& event : page->events) {
        if (tail != tails_ || streams_.empty()) co_return Done{};
        auto text = block(event);
        tail_bytes_ += text.size() + event_overhead_bytes;
        tail_.push_back({std::move(event), std::move(text)});
        ++tail_end_;
        while (tail_.size() > 1 && (tail_.size() > tail_events_max_ || tail_bytes_ > tail_bytes_max_)) {
            tail_bytes_ -= tail_.front().block.size() + event_overhead_bytes;
            tail_.pop_front();
        }
        if (++made % made_together_max == 0) co_await let_others();
    }
    co_return Done{};
}

// In slices: a click never waits behind a thousand streams.
rt::asio::awaitable<void> EventCalls::wake_streams() {
    ++rounds_;
    for (;;) {
        std::size_t woken = 0;
        for (Stream* stream : streams_) {
            if (std::exchange(stream->woken_in, rounds_) == rounds_) continue;
            stream->signal.notify_all();
            if (++woken == woken_together_max) break;
        }
        if (woken < woken_together_max) co_return;
        co_await let_others();
    }
}

}  // namespace countersign::http
