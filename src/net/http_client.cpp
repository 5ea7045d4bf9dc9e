#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstdint>
#include <list>
#include <map>
#include <utility>

#include "countersign/net/http_client.hpp"
#include "countersign/rt/signal.hpp"
#include "net/buffered_reader.hpp"
#include "net/http_parser.hpp"
#include "net/http_text.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t read_bytes = 16 * 1024;

struct Connection {
    explicit Connection(StreamPtr given) : stream(std::move(given)), reader(*stream) {}
    StreamPtr stream;
    BufferedReader reader;
    bool used_before = false;
};
using ConnectionPtr = std::unique_ptr<Connection>;

// Keeps the connections to one origin.
struct Pool {
    explicit Pool(const rt::asio::any_io_executor& executor) : freed(executor) {}
    std::list<ConnectionPtr> idle;  // most recently used first
    std::size_t open = 0;           // idle ones included
    rt::Signal freed;
};

// Holds the right to one connection of a pool, and the connection once there is one.
class Lease {
  public:
    explicit Lease(Pool& pool, ConnectionPtr connection = nullptr)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
        if (pool_ == nullptr) return;
        connection_.reset();
        --pool_->open;
        pool_->freed.notify_one();
    }
    Connection& connection() { return *connection_; }
    bool connected() const { return connection_ != nullptr; }
    void connect(StreamPtr stream) { connection_ = std::make_unique<Connection>(std::move(stream)); }
    // Keeps the connection for the next call, until its peer sends anything at all or ends it.
    void give_back(core::Instant closes_at) {
        Pool& pool = *std::exchange(pool_, nullptr);
        connection_->used_before = true;
        connection_->stream->close_at(closes_at);
        connection_->reader.shrink();
        pool.idle.push_front(std::move(connection_));
        auto position = pool.idle.begin();
        (*position)->reader.on_idle_read([&pool, position] {
            pool.idle.erase(position);
            --pool.open;
            pool.freed.notify_one();
        });
        (*position)->reader.start(idle_read_bytes);
        pool.freed.notify_one();
    }

  private:
    Pool* pool_;
    ConnectionPtr connection_;
};

// Says how far an exchange got before it failed.
struct Broken {
    Failure failure;
    bool request_written = false;  // whether any byte of it was
    bool response_begun = false;
};
using Attempt = std::expected<HttpResponse, Broken>;

bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
           method == "OPTIONS" || method == "TRACE";
}

std::string request_head(const Url& url, const HttpRequest& request) {
    std::string head;
    head.reserve(512 + (request.body.size() <= one_write_bytes_max ? request.body.size() : 0));
    head += request.method;
    head += ' ';
    head += request.target.empty() ? url.target : request.target;
    head += " HTTP/1.1\r\n";
    append_field(head, "Host", url.authority());
    for (const auto& [name, value] : request.fields) append_field(head, name, value);
    bool says_length = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
                       request.method == "PATCH";
    if (says_length) append_field(head, "Content-Length", std::to_string(request.body.size()));
    head += "\r\n";
    return head;
}

Result<Done> check_request(const HttpRequest& request) {
    bool good = is_token(request.method) && std::all_of(request.target.begin(), request.target.end(),
                                                        [](char c) { return c > 0x20 && c < 0x7F; });
    for (const auto& [name, value] : request.fields) good = good && is_token(name);
    if (!good) return fail(Trouble::invalid_input, "the request has characters that HTTP does not allow");
    return Done{};
}

class Client final : public HttpClient {
  public:
    Client(Dialer& dialer, const rt::Clock& clock, rt::Timers& timers, rt::asio::any_io_executor executor,
           HttpClientLimits limits)
        : dialer_(dialer), clock_(clock), timers_(timers), executor_(std::move(executor)), limits_(limits) {}

    Later<HttpResponse> send(const Url& url, HttpRequest request, Deadline deadline) override;

  private:
    Pool& pool_of(const std::string& origin);
    Later<Lease> lease(Pool& pool, const Url& url, Deadline deadline, bool fresh);
    rt::asio::awaitable<Attempt> attempt(Lease lease, const Url& url, const HttpRequest& request,
                                         Deadline deadline);
    rt::asio::awaitable<Attempt> read_response(Connection& c, bool head_only, bool& keep_alive);
    rt::asio::awaitable<std::optional<Broken>> read_body(Connection& c, ResponseParser& parser,
                                                         bool& keep_alive);
    Broken broken(Connection& c, const error_code& ec) const;

    Dialer& dialer_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::asio::any_io_executor executor_;
    HttpClientLimits limits_;
    std::map<std::string, Pool, std::less<>> pools_;
};

Pool& Client::pool_of(const std::string& origin) {
    constexpr std::size_t pools_max = 256;
    if (pools_.size() >= pools_max)
        std::erase_if(pools_, [&](const auto& item) {
            return item.second.open == 0 && item.second.freed.waiting() == 0;
        });
    return pools_.try_emplace(origin, executor_).first->second;
}

// Returns an idle connection, or the right to dial one. A failure here is `unavailable`, because nothing was
// sent.
Later<Lease> Client::lease(Pool& pool, const Url& url, Deadline deadline, bool fresh) {
    for (;;) {
        if (!pool.idle.empty() && !fresh) {
            auto connection = std::move(pool.idle.front());
            pool.idle.pop_front();
            connection->reader.on_idle_read(nullptr);
            co_return Lease{pool, std::move(connection)};
        }
        if (pool.open < limits_.connections_max) break;
        if (!pool.idle.empty()) {
            pool.idle.pop_back();  // a fresh one takes its position
            --pool.open;
            continue;
        }
        co_await pool.freed.wait_until(timers_, deadline.at);
        if (clock_.now() >= deadline.at)
            co_return fail(
                Trouble::unavailable,
                fmt::format("all {} connections to {} stayed busy", limits_.connections_max, url.origin()),
                "connections_busy");
    }
    ++pool.open;
    Lease lease{pool};
    auto stream = co_await dialer_.dial(url, deadline);
    if (!stream) {
        Failure failure = std::move(stream).error();
        if (failure.trouble == Trouble::timed_out) failure.trouble = Trouble::unavailable;
        co_return std::unexpected(std::move(failure));
    }
    lease.connect(std::move(*stream));
    co_return std::move(lease);
}

Later<HttpResponse> Client::send(const Url& url, HttpRequest request, Deadline deadline) {
    auto good = check_request(request);
    if (!good) co_return pass(good);
    Pool& pool = pool_of(url.origin());
    for (bool fresh = false;; fresh = true) {
        auto leased = co_await lease(pool, url, deadline, fresh);
        if (!leased) co_return pass(leased);
        bool used_before = leased->connection().used_before;
        auto answer = co_await attempt(std::move(*leased), url, request, deadline);
        if (answer) co_return std::move(*answer);
        Broken& broken = answer.error();
        bool harmless = !broken.request_written || is_idempotent(request.method);
        bool again = used_before && !broken.response_begun && harmless && clock_.now() < deadline.at;
        if (!again) co_return std::unexpected(std::move(broken.failure));
    }
}

Broken Client::broken(Connection& c, const error_code& ec) const {
    if (clock_.now() >= c.stream->closes_at())
        return {{Trouble::timed_out, "the server took too long to answer", {}, {}}};
    return {
        {Trouble::timed_out, "the connection broke before the answer was whole: " + ec.message(), {}, {}}};
}

rt::asio::awaitable<Attempt> Client::attempt(Lease lease, const Url& url, const HttpRequest& request,
                                             Deadline deadline) {
    Connection& c = lease.connection();
    c.stream->close_at(deadline.at);
    std::string head = request_head(url, request);
    bool together = request.body.size() <= one_write_bytes_max;
    if (together) head += request.body;
    std::size_t written = 0;
    std::string_view rest = together ? std::string_view{} : std::string_view{request.body};
    auto ec = co_await write_all(*c.stream, head, rest, &written);
    if (ec && written == 0) {
        bool late = clock_.now() >= deadline.at;
        co_return std::unexpected(Broken{{Trouble::unavailable,
                                          late ? "the server took no byte of the request in time"
                                               : "the connection broke: " + ec.message(),
                                          {},
                                          {}}});
    }
    // An error here is not the end, because a server may answer and close before it has read everything.
    bool keep_alive = !ec;
    auto answer = co_await read_response(c, request.method == "HEAD", keep_alive);
    if (!answer) {
        answer.error().request_written = true;
    } else if (keep_alive && !c.reader.ended()) {
        if (c.reader.bytes().empty()) lease.give_back(clock_.now() + limits_.idle_max);
    }
    co_return std::move(answer);
}

// Says why an answer was not understood; the request may have been processed.
Broken bad_response(Refusal refusal) {
    bool too_large = refusal.status == 413;
    return {{too_large ? Trouble::too_large : Trouble::timed_out,
             std::move(refusal.detail),
             too_large ? "" : "bad_response",
             {}},
            true,
            true};
}

rt::asio::awaitable<Attempt> Client::read_response(Connection& c, bool head_only, bool& keep_alive) {
    std::size_t seen = 0;
    bool begun = false;
    for (;;) {
        std::string_view bytes = c.reader.bytes();
        begun = begun || !bytes.empty();
        auto end = find_head_end(bytes, seen);
        if ((end ? *end : bytes.size()) > limits_.header_bytes_max)
            co_return std::unexpected(bad_response({431, {}, "the answer's header is too large"}));
        if (!end) {
            seen = bytes.size();
            auto ec = co_await c.reader.more(read_bytes);
            if (!ec) continue;
            Broken failed = broken(c, ec);
            failed.response_begun = begun;
            co_return std::unexpected(std::move(failed));
        }
        ResponseParser parser{limits_.header_bytes_max,
                              limits_.cuts_bodies ? SIZE_MAX : limits_.body_bytes_max};
        auto refusal = parser.take_head(bytes.substr(0, *end), head_only);
        if (refusal) co_return std::unexpected(bad_response(std::move(*refusal)));
        c.reader.consume(*end);
        seen = 0;
        if (parser.status() < 200 && parser.status() != 101) continue;  // 100 Continue, 103 Early Hints
        keep_alive = keep_alive && parser.keeps_alive() && parser.status() != 101;
        auto failed = co_await read_body(c, parser, keep_alive);
        if (failed) co_return std::unexpected(std::move(*failed));
        co_return HttpResponse{parser.status(), std::move(parser.fields()), std::move(parser.body())};
    }
}

rt::asio::awaitable<std::optional<Broken>> Client::read_body(Connection& c, ResponseParser& parser,
                                                             bool& keep_alive) {
    for (;;) {
        auto used = parser.take_body(c.reader.bytes());
        if (!used) co_return bad_response(std::move(used).error());
        c.reader.consume(*used);
        if (limits_.cuts_bodies && parser.body().size() > limits_.body_bytes_max) {
            parser.body().resize(limits_.body_bytes_max);
            keep_alive = false;
            co_return std::nullopt;
        }
        if (parser.whole()) co_return std::nullopt;
        auto ec = co_await c.reader.more(read_bytes);
        if (!ec) continue;
        bool was_the_end = ec == asio::error::eof && parser.take_end();
        if (was_the_end) co_return std::nullopt;
        Broken failed = broken(c, ec);
        failed.response_begun = true;
        co_return failed;
    }
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Dialer& dialer, const rt::Clock& clock, rt::Timers& timers,
                                             rt::asio::any_io_executor executor, HttpClientLimits limits) {
    return std::make_unique<Client>(dialer, clock, timers, std::move(executor), limits);
}

}  // namespace countersign::net
