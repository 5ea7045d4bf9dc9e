#include "countersign/net/memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/base/check.hpp"
#include "countersign/net/byte_stream.hpp"
#include "countersign/rt/background.hpp"
#include "countersign/rt/wake.hpp"

namespace countersign::net {
namespace {

// Beyond it a writer waits, as it does for a slow reader's TCP.
constexpr std::size_t in_flight_bytes_max = 256 * 1024;

// Draws numbers by splitmix64, which is small and the same everywhere.
class SplitMix {
  public:
    explicit SplitMix(std::uint64_t seed) : state_(seed) {}
    std::uint64_t below(std::uint64_t bound) {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        z ^= z >> 31;
        return bound == 0 ? 0 : z % bound;
    }

  private:
    std::uint64_t state_;
};

// Holds one operation that waits for bytes or for room.
template <class Buffer>
struct Pending {
    BufferList<Buffer> buffers;
    ByteStream::IoHandler handler;
    std::uint64_t ticket;
};

struct Piece {
    core::Instant arrives;
    std::string bytes;
};

// Carries the bytes of one direction.
struct Pipe {
    std::string readable;
    std::deque<Piece> travelling;
    std::size_t travelling_bytes = 0;
    bool writer_closed = false;  // the reader gets eof once all has arrived
    bool reader_closed = false;  // writing fails
    // It is optional because in Boost 1.81 move assignment of any_completion_handler never returns.
    std::optional<Pending<asio::mutable_buffer>> reader;
    std::optional<Pending<asio::const_buffer>> writer;
};

// Carries bytes between two ends. Both share it with the coroutine that delivers, because any may go first.
class Link {
  public:
    Link(asio::any_io_executor executor, rt::Timers& timers, const rt::Clock* clock,
         NetworkConditions conditions)
        : executor_(std::move(executor)),
          timers_(timers),
          clock_(clock),
          conditions_(conditions),
          random_(conditions.seed),
          bytes_before_cut_(conditions.cut_after_bytes) {
        COUNTERSIGN_CHECK(conditions.delay_max.count() == 0 || clock != nullptr);
    }
    const asio::any_io_executor& executor() const { return executor_; }
    rt::Timers& timers() const { return timers_; }

    static void read(const std::shared_ptr<Link>& self, int end,
                     const BufferList<asio::mutable_buffer>& buffers, ByteStream::IoHandler handler) {
        Pipe& pipe = self->pipes_[1 - end];
        COUNTERSIGN_CHECK(!pipe.reader);
        std::uint64_t ticket = ++self->tickets_;
        self->listen_for_cancel(self, handler, ticket);
        pipe.reader.emplace(buffers, std::move(handler), ticket);
        if (self->reset_) return self->finish(pipe.reader, asio::error::connection_reset);
        self->feed(pipe);
        take(self, pipe);
    }
    static void write(const std::shared_ptr<Link>& self, int end,
                      const BufferList<asio::const_buffer>& buffers, ByteStream::IoHandler handler) {
        Pipe& pipe = self->pipes_[end];
        COUNTERSIGN_CHECK(!pipe.writer);
        std::uint64_t ticket = ++self->tickets_;
        self->listen_for_cancel(self, handler, ticket);
        pipe.writer.emplace(buffers, std::move(handler), ticket);
        if (self->reset_) return self->finish(pipe.writer, asio::error::connection_reset);
        if (pipe.reader_closed) return self->finish(pipe.writer, asio::error::broken_pipe);
        if (asio::buffer_size(buffers) == 0) return self->finish(pipe.writer, {});
        take(self, pipe);
    }
    void cancel(int end) {
        finish(pipes_[1 - end].reader, asio::error::operation_aborted);
        finish(pipes_[end].writer, asio::error::operation_aborted);
    }
    void close(int end) {
        cancel(end);
        Pipe& out = pipes_[end];
        Pipe& in = pipes_[1 - end];
        out.writer_closed = true;
        in.reader_closed = true;
        in.readable.clear();
        in.travelling.clear();
        in.travelling_bytes = 0;
        finish(in.writer, asio::error::broken_pipe);
        if (!reset_) feed(out);
    }
    void cut() {
        reset_ = true;
        for (Pipe& pipe : pipes_) {
            finish(pipe.reader, asio::error::connection_reset);
            finish(pipe.writer, asio::error::connection_reset);
        }
    }

  private:
    void finish(ByteStream::IoHandler handler, error_code ec, std::size_t count) {
        asio::post(executor_,
                   [handler = std::move(handler), ec, count]() mutable { std::move(handler)(ec, count); });
    }
    template <class Buffer>
    void finish(std::optional<Pending<Buffer>>& pending, error_code ec, std::size_t count = 0) {
        if (!pending) return;
        auto handler = std::move(pending->handler);
        pending.reset();
        finish(std::move(handler), ec, count);
    }
    static void listen_for_cancel(const std::shared_ptr<Link>& self, const ByteStream::IoHandler& handler,
                                  std::uint64_t ticket) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (!slot.is_connected()) return;
        slot.assign([weak = std::weak_ptr<Link>{self}, ticket](asio::cancellation_type) {
            auto link = weak.lock();
            if (!link) return;
            for (Pipe& pipe : link->pipes_) {
                if (pipe.reader && pipe.reader->ticket == ticket)
                    link->finish(pipe.reader, asio::error::operation_aborted);
                if (pipe.writer && pipe.writer->ticket == ticket)
                    link->finish(pipe.writer, asio::error::operation_aborted);
            }
        });
    }
    std::size_t some_of(std::size_t available) {
        if (!conditions_.split || available <= 1) return available;
        return 1 + static_cast<std::size_t>(random_.below(available));
    }
    // Gives the pending read what is readable.
    void feed(Pipe& pipe) {
        if (!pipe.reader) return;
        if (pipe.readable.empty()) {
            if (pipe.writer_closed && pipe.travelling.empty()) finish(pipe.reader, asio::error::eof);
            return;
        }
        std::size_t most = some_of(std::min(pipe.readable.size(), asio::buffer_size(pipe.reader->buffers)));
        std::size_t count = asio::buffer_copy(pipe.reader->buffers, asio::buffer(pipe.readable.data(), most));
        pipe.readable.erase(0, count);
        finish(pipe.reader, {}, count);
    }
    // Takes what the writer has, as far as there is room, and delivers it after its delay.
    static void take(const std::shared_ptr<Link>& self, Pipe& pipe) {
        Link& link = *self;
        if (!pipe.writer || link.reset_) return;
        std::size_t held = pipe.readable.size() + pipe.travelling_bytes;
        if (held >= in_flight_bytes_max) return;  // a later read goes on from here
        std::size_t wanted = asio::buffer_size(pipe.writer->buffers);
        std::size_t count = link.some_of(std::min(wanted, in_flight_bytes_max - held));
        if (count >= link.bytes_before_cut_) return link.cut();
        if (link.bytes_before_cut_ != SIZE_MAX) link.bytes_before_cut_ -= count;
        std::string bytes(count, '\0');
        asio::buffer_copy(asio::buffer(bytes), pipe.writer->buffers);
        link.finish(pipe.writer, {}, count);
        if (link.conditions_.delay_max.count() == 0) {
            pipe.readable += bytes;
            link.feed(pipe);
            return;
        }
        auto most = static_cast<std::uint64_t>(link.conditions_.delay_max.count());
        core::Instant arrives =
            link.clock_->now() + core::Duration{static_cast<std::int64_t>(link.random_.below(most + 1))};
        if (!pipe.travelling.empty()) arrives = std::max(arrives, pipe.travelling.back().arrives);
        pipe.travelling_bytes += count;
        pipe.travelling.push_back({arrives, std::move(bytes)});
        if (!link.delivery_.running())
            link.delivery_ = rt::Background{link.executor_, "memory delivery", deliver(self)};
    }
    std::optional<core::Instant> next_arrival() const {
        std::optional<core::Instant> next;
        for (const Pipe& pipe : pipes_)
            if (!pipe.travelling.empty() && (!next || pipe.travelling.front().arrives < *next))
                next = pipe.travelling.front().arrives;
        return next;
    }
    static asio::awaitable<void> deliver(std::shared_ptr<Link> self) {
        for (auto next = self->next_arrival(); next; next = self->next_arrival()) {
            auto ec = co_await self->timers_.sleep_until(*next);
            if (ec) co_return;
            for (Pipe& pipe : self->pipes_) self->arrive(pipe);
        }
    }
    void arrive(Pipe& pipe) {
        while (!pipe.travelling.empty() && pipe.travelling.front().arrives <= clock_->now()) {
            pipe.travelling_bytes -= pipe.travelling.front().bytes.size();
            pipe.readable += pipe.travelling.front().bytes;
            pipe.travelling.pop_front();
        }
        feed(pipe);
    }

    asio::any_io_executor executor_;
    rt::Timers& timers_;
    const rt::Clock* clock_;
    NetworkConditions conditions_;
    SplitMix random_;
    std::size_t bytes_before_cut_;
    std::uint64_t tickets_ = 0;
    bool reset_ = false;
    Pipe pipes_[2];  // pipes_[0] leads from end 0 to end 1
    rt::Background delivery_;
};

class MemoryStream final : public ByteStream {
  public:
    MemoryStream(std::shared_ptr<Link> link, int end) : link_(std::move(link)), end_(end) {
        hears_of_limit_ = true;
    }
    MemoryStream(const MemoryStream&) = delete;
    MemoryStream& operator=(const MemoryStream&) = delete;
    ~MemoryStream() override { close(); }
    executor_type get_executor() override { return link_->executor(); }
    std::string peer_address() const override { return "memory"; }
    void cancel() override { link_->cancel(end_); }
    void close() override {
        if (closed_) return;
        closed_ = true;
        stop_watching();
        link_->close(end_);
    }

  private:
    // It is shared because the sleeping coroutine looks here before it touches the stream.
    struct Watch {
        MemoryStream* stream;
        core::Instant until;
    };

    void start_read(const BufferList<asio::mutable_buffer>& buffers, IoHandler handler) override {
        if (closed_) return refuse(std::move(handler));
        Link::read(link_, end_, buffers, std::move(handler));
    }
    void start_write(const BufferList<asio::const_buffer>& buffers, IoHandler handler) override {
        if (closed_) return refuse(std::move(handler));
        Link::write(link_, end_, buffers, std::move(handler));
    }
    void refuse(IoHandler handler) {
        asio::post(link_->executor(), [handler = std::move(handler)]() mutable {
            std::move(handler)(asio::error::operation_aborted, 0);
        });
    }
    void limit_moved() override {
        if (closed_) return;
        if (watch_ && watch_->until <= closes_at() && closes_at() != core::Instant::max()) return;
        stop_watching();
        if (closes_at() == core::Instant::max()) return;
        watch_ = std::make_shared<Watch>(this, closes_at());
        sleeper_ = rt::Background{link_->executor(), "memory deadline", sleep(watch_, link_->timers())};
    }
    void stop_watching() {
        if (!watch_) return;
        watch_->stream = nullptr;
        watch_.reset();
        sleeper_.cancel();
    }
    static asio::awaitable<void> sleep(std::shared_ptr<Watch> watch, rt::Timers& timers) {
        while (watch->stream != nullptr) {
            auto ec = co_await timers.sleep_until(watch->until);
            if (ec || watch->stream == nullptr) co_return;
            MemoryStream& stream = *watch->stream;
            if (stream.closes_at() <= watch->until) {
                stream.watch_.reset();
                stream.act_on_limit(watch->until);
                co_return;
            }
            watch->until = stream.closes_at();
        }
    }

    std::shared_ptr<Link> link_;
    int end_;
    bool closed_ = false;
    std::shared_ptr<Watch> watch_;
    rt::Background sleeper_;
};

struct MemoryConnection {
    std::shared_ptr<Link> link;
    StreamPtr ends[2];
};
MemoryConnection connect(const asio::any_io_executor& executor, rt::Timers& timers, const rt::Clock* clock,
                         const NetworkConditions& conditions) {
    auto erase = [](ByteStream* stream) { delete stream; };
    auto link = std::make_shared<Link>(executor, timers, clock, conditions);
    StreamPtr near{new MemoryStream(link, 0), erase};
    StreamPtr far{new MemoryStream(link, 1), erase};
    return {std::move(link), {std::move(near), std::move(far)}};
}

// Holds the connections that nobody has accepted yet. The network, which finds it by name, shares it with the
// listener, which may go first.
struct Backlog {
    explicit Backlog(const asio::any_io_executor& executor) : arrival(executor) {}
    std::deque<StreamPtr> waiting;
    rt::Wake arrival;
    bool open = true;
};

class MemoryListener final : public Listener {
  public:
    MemoryListener(std::shared_ptr<Backlog> backlog, std::uint16_t port)
        : backlog_(std::move(backlog)), port_(port) {}
    MemoryListener(const MemoryListener&) = delete;
    MemoryListener& operator=(const MemoryListener&) = delete;
    ~MemoryListener() override { close(); }
    Later<StreamPtr> accept() override {
        auto backlog = backlog_;
        while (backlog->open && backlog->waiting.empty()) {
            auto ec = co_await backlog->arrival.wait();
            if (ec) co_return fail(Trouble::cancelled, "accepting was cancelled");
        }
        if (!backlog->open) co_return fail(Trouble::cancelled, "the listener was closed");
        StreamPtr stream = std::move(backlog->waiting.front());
        backlog->waiting.pop_front();
        co_return std::move(stream);
    }
    std::uint16_t port() const override { return port_; }
    void close() override {
        backlog_->open = false;
        backlog_->waiting.clear();
        backlog_->arrival.wake_soon();
    }

  private:
    std::shared_ptr<Backlog> backlog_;
    std::uint16_t port_;
};

class WholeMemoryNetwork final : public MemoryNetwork {
  public:
    WholeMemoryNetwork(asio::any_io_executor executor, rt::Timers& timers, const rt::Clock* clock)
        : executor_(std::move(executor)), timers_(timers), clock_(clock) {}

    std::unique_ptr<Listener> listen(const std::string& host_and_port) override {
        auto& backlog = backlogs_[host_and_port];
        COUNTERSIGN_CHECK(!backlog || !backlog->open);
        backlog = std::make_shared<Backlog>(executor_);
        auto port = host_and_port.substr(host_and_port.rfind(':') + 1);
        return std::make_unique<MemoryListener>(backlog, static_cast<std::uint16_t>(std::stoi(port)));
    }
    void set_conditions(NetworkConditions for_new_connections) override { conditions_ = for_new_connections; }
    void cut_all() override {
        for (const auto& weak : links_)
            if (auto link = weak.lock()) link->cut();
        links_.clear();
    }
    Later<StreamPtr> dial(const Url& url, Deadline) override {
        constexpr std::size_t backlog_max = 4096;
        auto found = backlogs_.find(fmt::format("{}:{}", url.host, url.port));
        bool refused =
            found == backlogs_.end() || !found->second->open || found->second->waiting.size() >= backlog_max;
        if (refused)
            co_return fail(Trouble::unavailable, fmt::format("cannot connect to {}", url.authority()),
                           "connect");
        NetworkConditions conditions = conditions_;
        conditions.seed += connections_++;
        auto connection = connect(executor_, timers_, clock_, conditions);
        std::erase_if(links_, [](const auto& weak) { return weak.expired(); });
        links_.push_back(connection.link);
        found->second->waiting.push_back(std::move(connection.ends[1]));
        found->second->arrival.wake_soon();
        co_return std::move(connection.ends[0]);
    }

  private:
    asio::any_io_executor executor_;
    rt::Timers& timers_;
    const rt::Clock* clock_;
    NetworkConditions conditions_;
    std::uint64_t connections_ = 0;
    std::map<std::string, std::shared_ptr<Backlog>> backlogs_;
    std::vector<std::weak_ptr<Link>> links_;
};

}  // namespace

std::pair<StreamPtr, StreamPtr> memory_pair(rt::asio::any_io_executor executor, rt::Timers& timers,
                                            NetworkConditions conditions, const rt::Clock* clock) {
    auto connection = connect(executor, timers, clock, conditions);
    return {std::move(connection.ends[0]), std::move(connection.ends[1])};
}

std::unique_ptr<MemoryNetwork> make_memory_network(rt::asio::any_io_executor executor, rt::Timers& timers,
                                                   const rt::Clock* clock) {
    return std::make_unique<WholeMemoryNetwork>(std::move(executor), timers, clock);
}

}  // namespace countersign::net
