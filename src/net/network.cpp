#include "countersign/net/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <deque>
#include <optional>
#include <utility>

#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/rt/wake.hpp"
#include "net/live_stream.hpp"
#include "net/tls.hpp"

namespace countersign::net {

using asio::ip::tcp;

void LiveStreams::add(const std::shared_ptr<LiveStreams>& self, LiveStream& stream) {
    stream.index_ = self->streams_.size();
    self->streams_.push_back(&stream);
    if (self->ticking_) return;
    self->ticking_ = true;
    asio::co_spawn(self->executor_, tick(self), [](std::exception_ptr exception) {
        if (exception) rt::report_bug("net deadlines", exception);
    });
}

void LiveStreams::remove(LiveStream& stream) {
    streams_[stream.index_] = streams_.back();
    streams_[stream.index_]->index_ = stream.index_;
    streams_.pop_back();
}

asio::awaitable<void> LiveStreams::tick(std::shared_ptr<LiveStreams> self) {
    constexpr core::Duration period = deadline_slack / 2;
    while (!self->streams_.empty()) {
        co_await self->timers_.sleep_until(self->clock_.now() + period);
        core::Instant now = self->clock_.now();
        // Closing and cancelling only queue completions, so the list does not change here.
        for (LiveStream* stream : self->streams_) stream->act_on_limit(now);
    }
    self->ticking_ = false;
}

std::string LiveStream::peer_address() const {
    error_code ec;
    auto endpoint = socket().remote_endpoint(ec);
    if (ec) return {};
    return endpoint.address().to_string();
}

void LiveStream::prepare() {
    error_code ignored;
    socket().set_option(tcp::no_delay{true}, ignored);
}

StreamPtr erase_type(LiveStreamPtr stream) {
    return StreamPtr{stream.release(), [](ByteStream* erased) { delete erased; }};
}

namespace {

constexpr std::chrono::seconds tls_handshake_time_max{10};
constexpr std::size_t tls_handshakes_max = 256;
constexpr std::chrono::milliseconds accept_pause{100};

class TcpStream final : public LiveStream {
  public:
    explicit TcpStream(std::shared_ptr<LiveStreams> all) : LiveStream(all), socket_(all->executor()) {}
    ~TcpStream() override = default;
    tcp::socket& socket() override { return socket_; }
    const tcp::socket& socket() const override { return socket_; }
    void close() override {
        error_code ignored;
        socket_.close(ignored);
    }
    void cancel() override {
        error_code ignored;
        socket_.cancel(ignored);
    }

  private:
    void start_read(const BufferList<asio::mutable_buffer>& buffers, IoHandler handler) override {
        socket_.async_read_some(buffers, std::move(handler));
    }
    void start_write(const BufferList<asio::const_buffer>& buffers, IoHandler handler) override {
        socket_.async_write_some(buffers, std::move(handler));
    }
    tcp::socket socket_;
};

class PlainListener final : public Listener {
  public:
    PlainListener(std::shared_ptr<LiveStreams> all, tcp::acceptor acceptor)
        : all_(std::move(all)), acceptor_(std::move(acceptor)) {}

    Later<StreamPtr> accept() override {
        auto stream = std::make_unique<TcpStream>(all_);
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
        co_await acceptor_.async_accept(stream->socket(), token);
        if (ec && !acceptor_.is_open()) co_return fail(Trouble::cancelled, "the listener was closed");
        if (ec == asio::error::operation_aborted)
            co_return fail(Trouble::cancelled, "accepting was cancelled");
        if (ec) co_return fail(Trouble::unavailable, "cannot accept a connection: " + ec.message());
        stream->prepare();
        co_return erase_type(std::move(stream));
    }
    std::uint16_t port() const override {
        error_code ignored;
        return acceptor_.local_endpoint(ignored).port();
    }
    void close() override {
        error_code ignored;
        acceptor_.close(ignored);
    }

  private:
    std::shared_ptr<LiveStreams> all_;
    tcp::acceptor acceptor_;
};

// Accepts and shakes hands in tasks of its own, so that a slow handshake delays no other connection.
class TlsListener final : public Listener {
  public:
    TlsListener(std::shared_ptr<LiveStreams> all, tcp::acceptor acceptor, TlsFiles files, TlsContext context)
        : files_(std::move(files)),
          state_(std::make_shared<State>(std::move(all), std::move(acceptor), std::move(context))) {
        State::accept_more(state_);
    }
    ~TlsListener() override { close(); }

    Later<StreamPtr> accept() override {
        auto state = state_;
        while (state->ready.empty() && state->open) {
            auto ec = co_await state->arrival.wait();
            if (ec) co_return fail(Trouble::cancelled, "accepting was cancelled");
        }
        if (!state->open) co_return fail(Trouble::cancelled, "the listener was closed");
        auto stream = std::move(state->ready.front());
        state->ready.pop_front();
        State::accept_more(state);
        stream->close_at(core::Instant::max());
        co_return erase_type(std::move(stream));
    }
    std::uint16_t port() const override {
        error_code ignored;
        return state_->acceptor.local_endpoint(ignored).port();
    }
    void close() override {
        state_->open = false;
        error_code ignored;
        state_->acceptor.close(ignored);
        state_->ready.clear();
        state_->arrival.wake_soon();
    }
    Result<Done> reread_tls() override {
        auto context = TlsContext::server(files_);
        if (!context) return pass(context);
        // A handshake under way keeps the settings it began with.
        state_->context = std::move(*context);
        error_code ignored;
        state_->acceptor.cancel(ignored);  // the stream that waits for the next peer has the old settings
        return Done{};
    }

  private:
    struct State {
        State(std::shared_ptr<LiveStreams> streams, tcp::acceptor given, TlsContext settings)
            : all(std::move(streams)),
              acceptor(std::move(given)),
              context(std::move(settings)),
              arrival(all->executor()) {}

        static void accept_more(const std::shared_ptr<State>& self) {
            bool full = self->handshakes + self->ready.size() >= tls_handshakes_max;
            if (full || self->accepting || !self->open) return;
            self->accepting = true;
            auto stream = make_tls_stream(self->all, self->context);
            tcp::socket& socket = stream->socket();
            self->acceptor.async_accept(socket, [self, stream = std::move(stream)](error_code ec) mutable {
                if (ec == asio::error::operation_aborted) {
                    self->accepting = false;
                    return accept_more(self);
                }
                if (ec) {
                    asio::co_spawn(self->all->executor(), pause(self), [](std::exception_ptr) {});
                    return;
                }
                self->accepting = false;
                shake_hands(self, std::move(stream));
                accept_more(self);
            });
        }
        // The process may be out of file descriptors; a moment later some may be free.
        static asio::awaitable<void> pause(std::shared_ptr<State> self) {
            co_await self->all->timers().sleep_until(self->all->clock().now() + accept_pause);
            self->accepting = false;
            accept_more(self);
        }
        static void shake_hands(const std::shared_ptr<State>& self, std::unique_ptr<TlsStream> stream) {
            ++self->handshakes;
            stream->prepare();
            stream->close_at(self->all->clock().now() + tls_handshake_time_max);
            TlsStream& shaking = *stream;
            shaking.handshake_as_server([self, stream = std::move(stream)](error_code ec) mutable {
                --self->handshakes;
                if (!ec && self->open) {
                    self->ready.push_back(std::move(stream));
                    self->arrival.wake_soon();
                }
                accept_more(self);
            });
        }
        std::shared_ptr<LiveStreams> all;
        tcp::acceptor acceptor;
        TlsContext context;
        rt::Wake arrival;
        std::deque<std::unique_ptr<TlsStream>> ready;
        std::size_t handshakes = 0;
        bool accepting = false;
        bool open = true;
    };
    TlsFiles files_;
    // It is shared because handshakes under way outlive the listener by a moment.
    std::shared_ptr<State> state_;
};

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
std::optional<HostPort> split_host_port(const std::string& text) {
    std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    HostPort out;
    out.host = text.substr(0, colon);
    if (out.host.starts_with('[') && out.host.ends_with(']'))
        out.host = out.host.substr(1, out.host.size() - 2);
    if (out.host == "localhost") out.host = "127.0.0.1";
    auto [end, ec] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.port);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

std::optional<tcp::endpoint> endpoint_of(const std::string& address_and_port) {
    auto parts = split_host_port(address_and_port);
    if (!parts) return std::nullopt;
    error_code ec;
    auto address = asio::ip::make_address(parts->host, ec);
    if (ec) return std::nullopt;
    return tcp::endpoint{address, parts->port};
}

struct Resolution {
    explicit Resolution(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}
    tcp::resolver resolver;
    rt::Signal answered;
    bool done = false;
    error_code ec;
    std::vector<Address> addresses;
};

class RealNetwork final : public Network {
  public:
    RealNetwork(asio::any_io_executor executor, const rt::Clock& clock, rt::Timers& timers)
        : all_(std::make_shared<LiveStreams>(std::move(executor), clock, timers)) {}

    Result<std::unique_ptr<Listener>> listen(const std::string& address_and_port,
                                             const TlsFiles* tls) override {
        auto endpoint = endpoint_of(address_and_port);
        if (!endpoint)
            return fail(
                Trouble::invalid_input,
                fmt::format("`{}` is not an address to listen on; write 127.0.0.1:8080, 0.0.0.0:8080 or "
                            "[::]:8080",
                            address_and_port),
                "bad_address");
        auto acceptor = open_acceptor(*endpoint, address_and_port);
        if (!acceptor) return pass(acceptor);
        if (tls == nullptr) return std::make_unique<PlainListener>(all_, std::move(*acceptor));
        auto context = TlsContext::server(*tls);
        if (!context) return pass(context);
        return std::make_unique<TlsListener>(all_, std::move(*acceptor), *tls, std::move(*context));
    }

    Result<Done> trust(const std::string& pem_file) override { return client().trust(pem_file); }

    Later<StreamPtr> dial(const Url& url, Deadline deadline) override {
        auto addresses = co_await resolve(url.host, deadline);
        if (!addresses) co_return pass(addresses);
        std::optional<Failure> last;
        for (std::size_t i = 0; i < addresses->size(); ++i) {
            // Each address gets its share of the time, so that a dead one does not use up that of the others.
            core::Duration left = deadline.at - all_->clock().now();
            auto share =
                std::max<core::Duration>(left / static_cast<std::int64_t>(addresses->size() - i), min_share);
            auto until = std::min(deadline.at, all_->clock().now() + share);
            auto connected = co_await connect_tcp(url, (*addresses)[i], until);
            if (!connected) {
                last = std::move(connected).error();
                continue;
            }
            co_return co_await secured(url, std::move(*connected), deadline);
        }
        co_return std::unexpected(std::move(*last));
    }

    Later<std::vector<Address>> resolve(const std::string& host, Deadline deadline) override {
        error_code ec;
        auto address = asio::ip::make_address(host, ec);
        if (!ec) co_return std::vector<Address>{address};
        // It is shared because a name server that does not answer cannot be interrupted,
        // only no longer waited for.
        auto resolution = std::make_shared<Resolution>(all_->executor());
        resolution->resolver.async_resolve(
            host, "", [resolution](error_code failed, const tcp::resolver::results_type& results) {
                resolution->done = true;
                resolution->ec = failed;
                for (const auto& result : results)
                    resolution->addresses.push_back(result.endpoint().address());
                resolution->answered.notify_all();
            });
        while (!resolution->done) {
            bool notified = co_await resolution->answered.wait_until(all_->timers(), deadline.at);
            if (!notified && !resolution->done)
                co_return fail(Trouble::timed_out, fmt::format("looking up {} took too long", host));
        }
        if (resolution->ec || resolution->addresses.empty())
            co_return fail(Trouble::unavailable,
                           fmt::format("cannot look up {}: {}", host, resolution->ec.message()), "dns");
        co_return std::move(resolution->addresses);
    }

    Later<StreamPtr> connect(const Url& url, const Address& address, Deadline deadline) override {
        auto connected = co_await connect_tcp(url, address, deadline.at);
        if (!connected) co_return pass(connected);
        co_return co_await secured(url, std::move(*connected), deadline);
    }

  private:
    static constexpr std::chrono::seconds min_share{1};

    Result<tcp::acceptor> open_acceptor(const tcp::endpoint& endpoint, const std::string& as_written) {
        tcp::acceptor acceptor{all_->executor()};
        error_code ec;
        acceptor.open(endpoint.protocol(), ec);
        if (!ec) acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
        if (!ec) acceptor.bind(endpoint, ec);
        if (!ec) acceptor.listen(listen_backlog, ec);
        if (!ec) return acceptor;
        if (ec == asio::error::address_in_use)
            return fail(Trouble::conflict,
                        fmt::format("{} is in use by another program; stop that one or choose another port",
                                    as_written),
                        "address_in_use");
        return fail(Trouble::unavailable, fmt::format("cannot listen on {}: {}", as_written, ec.message()));
    }
    static constexpr int listen_backlog = 4096;

    // Does the TLS handshake where the URL wants TLS.
    Later<StreamPtr> secured(const Url& url, LiveStreamPtr stream, Deadline deadline) {
        if (url.tls()) {
            stream->close_at(deadline.at);
            auto shaken = co_await static_cast<TlsStream&>(*stream).handshake_as_client(url.host);
            if (!shaken) co_return pass(shaken);
        }
        stream->close_at(core::Instant::max());
        co_return erase_type(std::move(stream));
    }

    Later<LiveStreamPtr> connect_tcp(const Url& url, Address address, core::Instant until) {
        LiveStreamPtr stream;
        if (url.tls())
            stream = make_tls_stream(all_, client());
        else
            stream = std::make_unique<TcpStream>(all_);
        stream->close_at(until);
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
        co_await stream->socket().async_connect(tcp::endpoint{address, url.port}, token);
        if (ec && all_->clock().now() >= until)
            co_return fail(Trouble::timed_out,
                           fmt::format("connecting to {} took too long", url.authority()));
        if (ec)
            co_return fail(Trouble::unavailable,
                           fmt::format("cannot connect to {}: {}", url.authority(), ec.message()), "connect");
        stream->prepare();
        co_return std::move(stream);
    }

    // Reading the system's store of certificates takes tens of milliseconds, which whoever speaks plain http
    // to its own machine does not have to wait for.
    TlsContext& client() {
        if (!client_) client_.emplace(TlsContext::client());
        return *client_;
    }

    // It is shared because streams may outlive their network.
    std::shared_ptr<LiveStreams> all_;
    std::optional<TlsContext> client_;  // none until it is first needed
};

}  // namespace

bool can_listen_on(const std::string& address_and_port) {
    return endpoint_of(address_and_port).has_value();
}

std::unique_ptr<Network> make_network(rt::asio::any_io_executor executor, const rt::Clock& clock,
                                      rt::Timers& timers) {
    return std::make_unique<RealNetwork>(std::move(executor), clock, timers);
}

}  // namespace countersign::net
