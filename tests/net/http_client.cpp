#include <gtest/gtest.h>

#include "countersign/base/check.hpp"
#include "countersign/net/http_client.hpp"
#include "net/net_world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::NetWorld;
namespace asio = rt::asio;

// Simulates a server that answers as a test tells it to, and counts.
struct Script {
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    bool close_after_answer = false;
    int connections = 0;
    int requests = 0;
    // The request of this number (from 1) gets only this many bytes of its answer, and a closed connection.
    int dies_at_request = 0;
    std::size_t dies_after_bytes = 0;
};

asio::awaitable<void> scripted_connection(net::StreamPtr stream, Script& script) {
    for (;;) {
        std::string request = co_await test::read_raw(*stream, "\r\n\r\n");
        if (request.find("\r\n\r\n") == std::string::npos) co_return;
        ++script.requests;
        if (script.requests == script.dies_at_request) {
            co_await test::write_raw(*stream, script.answer.substr(0, script.dies_after_bytes));
            co_return;
        }
        co_await test::write_raw(*stream, script.answer);
        if (script.close_after_answer) co_return;
    }
}

struct ClientWorld : NetWorld {
    Script script;
    std::unique_ptr<net::HttpClient> client;

    explicit ClientWorld(net::HttpClientLimits limits = {}) {
        client = net::make_http_client(*network, time, time, io.get_executor(), limits);
    }
    ~ClientWorld() { client.reset(); }
    void serve_script() {
        listener = network->listen("server:80");
        spawn(accept_scripted());
    }
    asio::awaitable<void> accept_scripted() {
        for (;;) {
            auto stream = co_await listener->accept();
            if (!stream) co_return;
            ++script.connections;
            sessions.start("scripted", scripted_connection(std::move(*stream), script));
        }
    }
    asio::awaitable<void> ask(std::string method, std::optional<Result<net::HttpResponse>>& answer,
                              core::Duration limit) {
        net::HttpRequest request;
        request.method = std::move(method);
        auto got = co_await client->send(url("/x"), std::move(request), Deadline{time.now() + limit});
        answer.emplace(std::move(got));
    }
    Result<net::HttpResponse> send(std::string method, core::Duration limit = 10s) {
        std::optional<Result<net::HttpResponse>> answer;
        spawn(ask(std::move(method), answer, limit));
        run_until(time.now() + limit + 1s);
        COUNTERSIGN_CHECK(answer.has_value());
        return std::move(*answer);
    }
};

TEST(HttpClient, KeepsConnectionsAlive) {
    ClientWorld world;
    world.serve_script();
    for (int i = 0; i < 3; ++i) {
        auto answer = world.send("POST", 1s);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "ok");
    }
    EXPECT_EQ(world.script.connections, 1);
}

TEST(HttpClient, AnIdleConnectionIsClosedInTime) {
    ClientWorld world;
    world.serve_script();
    ASSERT_TRUE(world.send("GET", 1s));
    world.settle();
    EXPECT_EQ(world.sessions.size(), 1U);
    world.run_until(world.time.now() + 26s);
    EXPECT_EQ(world.sessions.size(), 0U);
    ASSERT_TRUE(world.send("POST", 1s));
    EXPECT_EQ(world.script.connections, 2);
}

TEST(HttpClient, ReadsBodiesOfEveryFraming) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const std::pair<std::string, std::string> answers[] = {
            {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
             "hello"},
            {"HTTP/1.0 200 OK\r\n\r\nhello", "hello"},
            {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 "
             "\r\nContent-Length: "
             "5\r\n\r\nhello",
             "hello"},
            {"HTTP/1.1 204 No Content\r\n\r\n", ""},
        };
        for (const auto& [bytes, body] : answers) {
            ClientWorld world;
            world.network->set_conditions({.seed = seed, .split = true});
            world.script.answer = bytes;
            world.script.close_after_answer = true;
            world.serve_script();
            auto answer = world.send("GET");
            ASSERT_TRUE(answer) << answer.error().detail;
            EXPECT_EQ(answer->body, body);
        }
    }
}

TEST(HttpClient, AHeadAnswerHasNoBody) {
    ClientWorld world;
    world.script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
    world.serve_script();
    EXPECT_TRUE(world.send("HEAD", 1s));
    EXPECT_TRUE(world.send("HEAD", 1s));
    EXPECT_EQ(world.script.connections, 1);
}

TEST(HttpClient, NobodyListeningIsUnavailable) {
    ClientWorld world;
    auto answer = world.send("POST");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::unavailable);
}

TEST(HttpClient, AnswersBrokenOffAtAnyPointAreUnknownNeverUnavailable) {
    Script whole;
    for (std::size_t bytes = 0; bytes < whole.answer.size(); ++bytes) {
        ClientWorld world;
        world.script.dies_at_request = 1;
        world.script.dies_after_bytes = bytes;
        world.serve_script();
        auto answer = world.send("GET");
        ASSERT_FALSE(answer) << bytes;
        EXPECT_EQ(answer.error().trouble, Trouble::timed_out) << bytes;
        EXPECT_EQ(world.script.requests, 1) << "a fresh connection is not retried";
    }
}

TEST(HttpClient, AKeptConnectionFoundDeadIsRetriedOnceIfThatIsHarmless) {
    for (std::string method : {"GET", "POST"}) {
        ClientWorld world;
        world.script.dies_at_request = 2;
        world.serve_script();
        ASSERT_TRUE(world.send(method, 1s));
        auto second = world.send(method, 1s);
        if (method == "GET") {
            EXPECT_TRUE(second);
            EXPECT_EQ(world.script.requests, 3);
        } else {
            ASSERT_FALSE(second);
            EXPECT_EQ(second.error().trouble, Trouble::timed_out);
            EXPECT_EQ(world.script.requests, 2) << "a POST may have been processed";
        }
    }
}

TEST(HttpClient, AKeptConnectionThatAnsweredInPartIsNotRetried) {
    ClientWorld world;
    world.script.dies_at_request = 2;
    world.script.dies_after_bytes = 5;
    world.serve_script();
    ASSERT_TRUE(world.send("GET", 1s));
    EXPECT_FALSE(world.send("GET", 1s));
    EXPECT_EQ(world.script.requests, 2);
}

TEST(HttpClient, AConnectionItsServerClosedIsNotUsedAgain) {
    ClientWorld world;
    world.script.close_after_answer = true;
    world.serve_script();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.send("POST", 1s));
    EXPECT_EQ(world.script.connections, 3);
    EXPECT_EQ(world.script.requests, 3);
}

asio::awaitable<void> never_answers(net::HttpExchange& exchange, NetWorld& world) {
    co_await world.time.sleep_until(world.time.now() + 1h);
    co_await exchange.respond({});
}

TEST(HttpClient, TheDeadlineEndsAnExchange) {
    ClientWorld world;
    world.serve([&](net::HttpExchange& exchange) { return never_answers(exchange, world); });
    std::optional<Result<net::HttpResponse>> answer;
    world.spawn(world.ask("POST", answer, 3s));
    world.run_until(world.start + 2900ms);
    EXPECT_FALSE(answer);
    world.run_until(world.start + 3s);
    ASSERT_TRUE(answer && !*answer);
    EXPECT_EQ(answer->error().trouble, Trouble::timed_out);
}

TEST(HttpClient, CallsOverTheConnectionLimitWaitWithinTheirDeadline) {
    ClientWorld world{{.connections_max = 2}};
    world.serve([&](net::HttpExchange& exchange) { return never_answers(exchange, world); });
    std::optional<Result<net::HttpResponse>> first, second, third, fourth;
    world.spawn(world.ask("GET", first, 5s));
    world.spawn(world.ask("GET", second, 5s));
    world.settle();
    world.spawn(world.ask("GET", third, 2s));
    world.spawn(world.ask("GET", fourth, 9s));
    world.run_until(world.start + 2s);
    ASSERT_TRUE(third && !*third);
    EXPECT_EQ(third->error().trouble, Trouble::unavailable);
    EXPECT_EQ(third->error().code, "connections_busy");
    world.run_until(world.start + 8s);
    EXPECT_TRUE(first && second && !fourth) << "the fourth had its turn when the first two ended";
    world.run_until(world.start + 10s);
    ASSERT_TRUE(fourth && !*fourth);
    EXPECT_EQ(fourth->error().trouble, Trouble::timed_out) << "its request was written";
}

TEST(HttpClient, AnswersOverTheLimitsAreRefused) {
    const std::string answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') +
            "\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n" + std::string(101, 'x'),
    };
    for (const std::string& bytes : answers) {
        ClientWorld world{{.body_bytes_max = 100}};
        world.script.answer = bytes;
        world.script.close_after_answer = true;
        world.serve_script();
        auto answer = world.send("GET");
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().trouble, Trouble::too_large);
    }
    ClientWorld world{{.header_bytes_max = 1000}};
    world.script.answer = "HTTP/1.1 200 OK\r\nA: " + std::string(1000, 'x') + "\r\n\r\n";
    world.serve_script();
    EXPECT_FALSE(world.send("GET"));
}

TEST(HttpClient, ALongAnswerIsCutWhereThatIsWanted) {
    const std::string answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + std::string(50'000, 'x'),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nC350\r\n" + std::string(50'000, 'x') +
            "\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n" + std::string(50'000, 'x'),
    };
    for (const std::string& bytes : answers) {
        ClientWorld world{{.body_bytes_max = 100, .cuts_bodies = true}};
        world.script.answer = bytes;
        world.serve_script();
        for (int connections = 1; connections <= 2; ++connections) {
            auto answer = world.send("GET");
            ASSERT_TRUE(answer) << answer.error().detail;
            EXPECT_EQ(answer->body, std::string(100, 'x'));
            EXPECT_EQ(world.script.connections, connections) << "what was not read must not be read later";
        }
    }
    ClientWorld world{{.body_bytes_max = 2, .cuts_bodies = true}};
    world.serve_script();
    EXPECT_EQ(world.send("GET")->body, "ok");
    EXPECT_EQ(world.send("GET")->body, "ok");
    EXPECT_EQ(world.script.connections, 1) << "one that fits keeps its connection";
}

TEST(HttpClient, NonsenseIsNoAnswer) {
    for (std::string bytes : {"hello\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
                              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}) {
        ClientWorld world;
        world.script.answer = bytes;
        world.script.close_after_answer = true;
        world.serve_script();
        auto answer = world.send("POST");
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().trouble, Trouble::timed_out);
        EXPECT_EQ(answer.error().code, "bad_response");
    }
}

TEST(HttpClient, AConnectionCutAnywhereNeverYieldsAWrongAnswer) {
    int whole = 0;
    for (std::size_t cut = 1; cut < 400; ++cut) {
        ClientWorld world;
        world.network->set_conditions({.seed = cut, .split = true, .cut_after_bytes = cut});
        world.serve_script();
        auto answer = world.send("POST", 2s);
        if (answer) {
            EXPECT_EQ(answer->body, "ok");
            ++whole;
        } else {
            EXPECT_NE(answer.error().trouble, Trouble::too_large);
        }
    }
    EXPECT_GT(whole, 0);
    EXPECT_LT(whole, 399);
}

asio::awaitable<void> echoes(net::HttpExchange& exchange) {
    net::HttpResponse response;
    response.body = exchange.request().body;
    co_await exchange.respond(std::move(response));
}
asio::awaitable<void> asks_many(ClientWorld& world, std::size_t number, int& good) {
    for (std::size_t i = 0; i < 20; ++i) {
        net::HttpRequest request;
        request.method = "POST";
        request.body.assign(number * 997 + i * 331, static_cast<char>('a' + i));
        std::string sent = request.body;
        auto answer =
            co_await world.client->send(world.url("/"), std::move(request), Deadline{world.time.now() + 60s});
        if (answer && answer->body == sent) ++good;
    }
}

TEST(HttpClient, ManyCallsShareFewConnectionsInBadWeather) {
    ClientWorld world{{.connections_max = 4}};
    world.network->set_conditions({.seed = 7, .split = true, .delay_max = 20ms});
    world.serve(echoes);
    int good = 0;
    for (std::size_t i = 0; i < 10; ++i) world.spawn(asks_many(world, i, good));
    world.run();
    EXPECT_EQ(good, 200);
}

}  // namespace
}  // namespace countersign
