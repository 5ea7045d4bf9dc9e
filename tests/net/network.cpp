#include "countersign/net/network.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "countersign/base/check.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/websocket.hpp"
#include "net/net_world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
namespace asio = rt::asio;

// Makes a directory with certificates for this run: a private root, a certificate of it for `localhost` and
// 127.0.0.1, one for another host, and a self-signed one.
class Certificates {
  public:
    Certificates() {
        char name[] = "/tmp/countersign-net-XXXXXX";
        directory_ = ::mkdtemp(name);
        run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root "
            "-keyout root.key -out root.pem");
        issue("good", "DNS:localhost,IP:127.0.0.1");
        issue("other", "DNS:other.example");
        run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
            "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout self.key -out self.pem");
    }
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;
    ~Certificates() { std::filesystem::remove_all(directory_); }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    net::TlsFiles files(const std::string& name) const { return {path(name + ".pem"), path(name + ".key")}; }

  private:
    void run(const std::string& arguments) {
        int status = ::system(("cd " + directory_ + " && openssl " + arguments + " >>log 2>&1").c_str());
        COUNTERSIGN_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    void issue(const std::string& name, const std::string& names) {
        std::ofstream{path(name + ".ext")} << "subjectAltName=" << names << "\n";
        run("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout " + name +
            ".key -out " + name + ".csr");
        run("x509 -req -in " + name + ".csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile " +
            name + ".ext -out " + name + ".pem");
    }
    std::string directory_;
};
const Certificates& certificates() {
    static const Certificates made;
    return made;
}

asio::awaitable<void> echo(net::HttpExchange& exchange, const rt::Clock& clock) {
    if (exchange.request().target == "/socket") {
        auto socket = co_await exchange.upgrade({.message_bytes_max = 1'000'000, .silence_max = {}});
        if (!socket) co_return;
        auto message = co_await (*socket)->read();
        if (message) co_await (*socket)->write("echo " + message->payload, Deadline{clock.now() + 5s});
        co_await (*socket)->read();
        co_return;
    }
    net::HttpResponse response;
    response.body = exchange.request().body + " from " + exchange.request().peer;
    co_await exchange.respond(std::move(response));
}

// Runs the real network on loopback, in real time, on one thread.
struct RealWorld {
    asio::io_context io{1};
    std::unique_ptr<rt::Clock> clock = rt::system_clock();
    std::unique_ptr<rt::Timers> timers = rt::system_timers(io.get_executor(), *clock);
    std::unique_ptr<net::Network> network = net::make_network(io.get_executor(), *clock, *timers);
    rt::TaskGroup sessions{io.get_executor(), 1000, rt::report_bug};
    std::unique_ptr<net::HttpClient> client =
        net::make_http_client(*network, *clock, *timers, io.get_executor());
    std::unique_ptr<net::Listener> listener;

    void serve(const net::TlsFiles* tls = nullptr) {
        auto opened = network->listen("127.0.0.1:0", tls);
        COUNTERSIGN_CHECK(opened.has_value());
        listener = std::move(*opened);
        spawn(net::serve_http(
            *listener, [this](net::HttpExchange& exchange) { return echo(exchange, *clock); }, sessions,
            *clock, *timers));
    }
    void spawn(asio::awaitable<void> task) {
        asio::co_spawn(io, std::move(task), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    }
    // Runs the task, ends everything, and returns when nothing is left to do.
    void run(asio::awaitable<void> task) {
        spawn(run_and_end(std::move(task)));
        io.run_for(30s);
        EXPECT_TRUE(io.stopped()) << "something goes on after the end";
    }
    asio::awaitable<void> run_and_end(asio::awaitable<void> task) {
        co_await std::move(task);
        client.reset();
        if (listener) listener->close();
        co_await sessions.end(*timers, clock->now() + 2s);
    }
    Deadline soon(core::Duration in = 5s) const { return Deadline{clock->now() + in}; }
    net::Url url(std::string scheme, std::string host, std::string target = "/") const {
        return {std::move(scheme), std::move(host), listener->port(), std::move(target)};
    }
};

asio::awaitable<void> post(RealWorld& world, net::Url url, std::string body,
                           std::optional<Result<net::HttpResponse>>& answer) {
    net::HttpRequest request;
    request.method = "POST";
    request.body = std::move(body);
    auto got = co_await world.client->send(url, std::move(request), world.soon());
    answer.emplace(std::move(got));
}

TEST(Network, CarriesHttpOverTcp) {
    RealWorld world;
    world.serve();
    std::optional<Result<net::HttpResponse>> answer;
    world.run(post(world, world.url("http", "localhost"), "hello", answer));
    ASSERT_TRUE(answer && *answer) << (*answer).error().detail;
    EXPECT_EQ((*answer)->body, "hello from 127.0.0.1");
}

TEST(Network, CarriesLargeBodiesOverTls) {
    for (std::string host : {"localhost", "127.0.0.1"}) {
        RealWorld world;
        auto files = certificates().files("good");
        world.serve(&files);
        ASSERT_TRUE(world.network->trust(certificates().path("root.pem")));
        std::optional<Result<net::HttpResponse>> answer;
        std::string body(300'000, 'x');
        world.run(post(world, world.url("https", host), body, answer));
        ASSERT_TRUE(answer && *answer) << (*answer).error().detail;
        EXPECT_EQ((*answer)->body, body + " from 127.0.0.1");
    }
}

asio::awaitable<void> talk_over_socket(RealWorld& world, net::Url url, std::string& answer) {
    auto socket =
        co_await net::connect_websocket(*world.network, {url}, *world.clock, *world.timers, {}, world.soon());
    EXPECT_TRUE(socket) << socket.error().detail;
    if (!socket) co_return;
    co_await (*socket)->write(std::string(50'000, 'w'), world.soon());
    auto message = co_await (*socket)->read();
    if (message) answer = message->payload;
    auto closed = co_await (*socket)->close(1000, "", world.soon());
    EXPECT_TRUE(closed);
}

TEST(Network, CarriesWebSocketsOverTls) {
    RealWorld world;
    auto files = certificates().files("good");
    world.serve(&files);
    ASSERT_TRUE(world.network->trust(certificates().path("root.pem")));
    std::string answer;
    world.run(talk_over_socket(world, world.url("wss", "localhost", "/socket"), answer));
    EXPECT_EQ(answer, "echo " + std::string(50'000, 'w'));
}

TEST(Network, ATlsFailureSaysWhichCheckFailed) {
    struct Case {
        std::string files;
        bool trusted;
        std::string says;
    };
    for (const Case& c : {Case{"other", true, "not for localhost"}, Case{"good", false, "not trusted"},
                          Case{"self", true, "not trusted"}}) {
        RealWorld world;
        auto files = certificates().files(c.files);
        world.serve(&files);
        if (c.trusted) {
            ASSERT_TRUE(world.network->trust(certificates().path("root.pem")));
        }
        std::optional<Result<net::HttpResponse>> answer;
        world.run(post(world, world.url("https", "localhost"), "secret", answer));
        ASSERT_TRUE(answer && !*answer) << c.says;
        EXPECT_EQ(answer->error().trouble, Trouble::unavailable);
        EXPECT_NE(answer->error().detail.find(c.says), std::string::npos) << answer->error().detail;
    }
}

TEST(Network, TlsAgainstAPlainServerAndPlainAgainstTlsFail) {
    RealWorld plain;
    plain.serve();
    std::optional<Result<net::HttpResponse>> answer;
    plain.run(post(plain, plain.url("https", "localhost"), "x", answer));
    EXPECT_TRUE(answer && !*answer);
    RealWorld tls;
    auto files = certificates().files("good");
    tls.serve(&files);
    answer.reset();
    tls.run(post(tls, tls.url("http", "localhost"), "x", answer));
    EXPECT_TRUE(answer && !*answer);
}

TEST(Network, AnOldTlsVersionIsRefused) {
    RealWorld world;
    auto files = certificates().files("good");
    world.serve(&files);
    // OpenSSL's own client, limited to TLS 1.1, runs in another process while this one serves.
    std::string command = "openssl s_client -connect 127.0.0.1:" + std::to_string(world.listener->port()) +
                          " -tls1_1 -cipher DEFAULT:@SECLEVEL=0 </dev/null >/dev/null 2>&1";
    FILE* process = ::popen(command.c_str(), "r");
    ASSERT_NE(process, nullptr);
    world.io.run_for(1s);
    EXPECT_NE(::pclose(process), 0);
    world.run(asio::awaitable<void>([]() -> asio::awaitable<void> { co_return; }()));
}

asio::awaitable<void> holds_then_asks(RealWorld& world, std::optional<Result<net::HttpResponse>>& answer) {
    std::vector<net::StreamPtr> silent;
    for (int i = 0; i < 5; ++i) {  // these never begin their handshakes
        auto stream = co_await world.network->dial(world.url("http", "127.0.0.1"), world.soon());
        if (stream) silent.push_back(std::move(*stream));
    }
    EXPECT_EQ(silent.size(), 5U);
    co_await post(world, world.url("https", "localhost"), "x", answer);
}

TEST(Network, ASilentHandshakeHoldsUpNobody) {
    RealWorld world;
    auto files = certificates().files("good");
    world.serve(&files);
    ASSERT_TRUE(world.network->trust(certificates().path("root.pem")));
    std::optional<Result<net::HttpResponse>> answer;
    world.run(holds_then_asks(world, answer));
    ASSERT_TRUE(answer && *answer) << answer->error().detail;
}

asio::awaitable<void> waits_for_bytes(RealWorld& world, core::Duration& took, net::error_code& ec) {
    auto stream = co_await world.network->dial(world.url("http", "127.0.0.1"), world.soon());
    auto from = world.clock->now();
    (*stream)->close_at(from + 200ms);
    char buffer[10];
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    co_await (*stream)->async_read_some(asio::buffer(buffer), token);
    took = world.clock->now() - from;
}

TEST(Network, AStreamClosesItselfAtItsTime) {
    RealWorld world;
    world.serve();
    core::Duration took{0};
    net::error_code ec;
    world.run(waits_for_bytes(world, took, ec));
    EXPECT_EQ(ec, asio::error::operation_aborted);
    EXPECT_GE(took, 200ms);
    EXPECT_LE(took, 600ms);
}

TEST(Network, RefusedConnectionsAndBadNamesAreUnavailable) {
    RealWorld world;
    world.serve();
    auto port = world.listener->port();
    world.listener->close();
    std::optional<Result<net::HttpResponse>> refused, unknown;
    world.run(post(world, net::Url{"http", "127.0.0.1", port, "/"}, "x", refused));
    ASSERT_TRUE(refused && !*refused);
    EXPECT_EQ(refused->error().trouble, Trouble::unavailable);
    EXPECT_NE(refused->error().detail.find("refused"), std::string::npos) << refused->error().detail;
}

asio::awaitable<void> look_up_and_connect(RealWorld& world, std::optional<Result<std::string>>& peer) {
    auto addresses = co_await world.network->resolve("localhost", world.soon());
    EXPECT_TRUE(addresses && !addresses->empty());
    // The name is only used for TLS and Host, so it need not resolve.
    auto address = boost::asio::ip::make_address("127.0.0.1");
    auto stream =
        co_await world.network->connect(world.url("http", "no.such.name.invalid"), address, world.soon());
    peer = stream ? Result<std::string>{(*stream)->peer_address()} : Result<std::string>{pass(stream)};
}

TEST(Network, LooksUpAndConnectsAsTwoSteps) {
    RealWorld world;
    world.serve();
    std::optional<Result<std::string>> peer;
    world.run(look_up_and_connect(world, peer));
    ASSERT_TRUE(peer && *peer) << (*peer).error().detail;
    EXPECT_EQ(**peer, "127.0.0.1");
}

// Looks at the certificate that new connections get after each change of the files.
asio::awaitable<void> exchange_certificates(RealWorld& world, std::string live,
                                            std::vector<std::string>& got) {
    auto now = [&](const std::string& name) {
        for (std::string end : {".pem", ".key"})
            std::filesystem::copy_file(certificates().path(name + end), live + end,
                                       std::filesystem::copy_options::overwrite_existing);
    };
    auto ask = [&]() -> asio::awaitable<void> {
        world.client =
            net::make_http_client(*world.network, *world.clock, *world.timers, world.io.get_executor());
        std::optional<Result<net::HttpResponse>> answer;
        co_await post(world, world.url("https", "localhost"), "", answer);
        got.push_back(*answer ? "answered" : (*answer).error().detail);
    };
    co_await ask();
    now("self");
    co_await ask();
    got.emplace_back(world.listener->reread_tls() ? "read" : "not read");
    co_await ask();
    now("good");
    std::filesystem::remove(live + ".key");
    got.emplace_back(world.listener->reread_tls() ? "read" : "not read");
    co_await ask();
    now("good");
    got.emplace_back(world.listener->reread_tls() ? "read" : "not read");
    co_await ask();
}

TEST(Network, TlsFilesThatAreReadAgainAreForNewConnections) {
    RealWorld world;
    const std::string live = certificates().path("live");
    for (std::string end : {".pem", ".key"})
        std::filesystem::copy_file(certificates().path("good" + end), live + end);
    auto files = certificates().files("live");
    world.serve(&files);
    ASSERT_TRUE(world.network->trust(certificates().path("root.pem")));
    std::vector<std::string> got;
    world.run(exchange_certificates(world, live, got));
    ASSERT_EQ(got.size(), 8U);
    EXPECT_EQ(got[0], "answered");
    EXPECT_EQ(got[1], "answered") << "the files alone change nothing";
    EXPECT_EQ(got[2], "read");
    EXPECT_NE(got[3].find("not trusted"), std::string::npos) << got[3];
    EXPECT_EQ(got[4], "not read");
    EXPECT_NE(got[5].find("not trusted"), std::string::npos) << "it goes on with what it had: " << got[5];
    EXPECT_EQ(got[6], "read");
    EXPECT_EQ(got[7], "answered");
}

TEST(Network, AnAddressInUseIsAConflict) {
    RealWorld world;
    world.serve();
    auto again = world.network->listen("127.0.0.1:" + std::to_string(world.listener->port()));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().trouble, Trouble::conflict);
    for (std::string bad :
         {"", "8080", ":8080", "host:80", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:8080x"}) {
        auto refused = world.network->listen(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().trouble, Trouble::invalid_input);
    }
    auto no_files = net::TlsFiles{"/nonexistent.pem", "/nonexistent.key"};
    auto refused = world.network->listen("127.0.0.1:0", &no_files);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().trouble, Trouble::invalid_input);
}

}  // namespace
}  // namespace countersign
