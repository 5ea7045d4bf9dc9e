#include "countersign/streaming/peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "teams/office.hpp"

// Two ends of a streaming socket over the network in memory, and the sockets that channels hold to the bot.
namespace countersign::streaming {
namespace {

using namespace std::chrono_literals;
using core::Value;
using test::has;
using test::asio::awaitable;

constexpr std::size_t body_max = 64 * 1024;

// A server whose end answers by `handler`, and a client that asks it.
struct TwoPeers : test::SandboxWorld {
    Peer::Handler handler;
    core::Instant ends_at = core::Instant::max();
    std::shared_ptr<Peer> server;
    std::shared_ptr<Peer> client;
    std::optional<Failure> server_ended;
    std::unique_ptr<net::Listener> listener = network->listen("peer:80");

    explicit TwoPeers(Peer::Handler its, core::Duration life = std::chrono::hours{1})
        : handler(std::move(its)), ends_at(time.now() + life) {
        auto accept = [this](net::HttpExchange& exchange) -> awaitable<void> {
            auto socket = co_await exchange.upgrade({.silence_max = std::chrono::seconds{30}});
            server = std::make_shared<Peer>(parts(), std::move(*socket), body_max, handler);
            auto why = co_await Peer::run(server, ends_at);
            server_ended = std::move(why);
        };
        spawn(net::serve_http(*listener, accept, sessions, time, time));
        spawn(dial());
        EXPECT_TRUE(until([&] { return client && server; }));
    }
    ~TwoPeers() {
        listener->close();
        spawn(hang_up());
        until([&] { return server_ended.has_value() && client->over(); });
        until([&] { return sessions.size() == 0; });
    }
    awaitable<void> hang_up() {
        co_await client->close(1000, "", Deadline{time.now() + 1s});
        co_await sessions.end(time, time.now() + 1s);
    }
    PeerParts parts() { return {time, time, entropy, sessions, io.get_executor()}; }
    awaitable<void> dial() {
        net::Url to{"http", "peer", 80, "/"};
        auto socket =
            co_await net::connect_websocket(*network, {to}, time, time, {}, Deadline{time.now() + 5s});
        auto nothing = [](Request) -> awaitable<Response> { co_return Response{404}; };
        auto made = std::make_shared<Peer>(parts(), std::move(*socket), body_max, nothing);
        auto serve = [](std::shared_ptr<Peer> its) -> awaitable<void> {
            co_await Peer::run(its, core::Instant::max());
        };
        sessions.start("client", serve(made));
        client = std::move(made);
    }
    // The answer, once it has come.
    std::shared_ptr<std::optional<Result<Response>>> begin(Request request, core::Duration patience = 20s) {
        auto answer = std::make_shared<std::optional<Result<Response>>>();
        auto run = [](std::shared_ptr<Peer> its, Request what, Deadline deadline,
                      std::shared_ptr<std::optional<Result<Response>>> out) -> awaitable<void> {
            auto got = co_await its->ask(std::move(what), deadline);
            out->emplace(std::move(got));
        };
        spawn(run(client, std::move(request), Deadline{time.now() + patience}, answer));
        return answer;
    }
    Result<Response> ask(Request request) {
        auto answer = begin(std::move(request));
        EXPECT_TRUE(until([&] { return answer->has_value(); }));
        return **answer;
    }
};

awaitable<Response> echo(Request request) {
    co_return Response{201, request.verb + " " + request.path + " " + request.body};
}

TEST(StreamingPeer, RequestsOfAnySizeAreAnswered) {
    TwoPeers two{echo};
    for (std::size_t size : {0UL, 1UL, 4'095UL, 4'096UL, 4'097UL, 60'000UL}) {
        auto answer = two.ask({"POST", "/x", std::string(size, 'x')});
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 201U);
        EXPECT_EQ(answer->body, "POST /x " + std::string(size, 'x'));
    }
    EXPECT_EQ(two.ask({"POST", "/x", std::string(body_max + 1, 'x')})->status, 413U);
    EXPECT_EQ(two.ask({"GET", "/y", {}})->status, 201U);
}

TEST(StreamingPeer, ManyAtOnceAreEachAnsweredAndOneTooManyIsTurnedAway) {
    bool open = false;
    test::SandboxWorld* world = nullptr;
    TwoPeers two{[&](Request request) -> awaitable<Response> {
        while (!open) co_await world->time.sleep_until(world->time.now() + 10ms);
        co_return Response{200, request.body};
    }};
    world = &two;
    std::vector<std::shared_ptr<std::optional<Result<Response>>>> answers;
    for (std::size_t number = 0; number < Peer::in_flight_max; ++number)
        answers.push_back(two.begin({"POST", "/", std::to_string(number)}));
    two.pass(100ms);
    EXPECT_EQ(two.ask({"POST", "/", "more"})->status, 503U);
    open = true;
    two.pass(1s);
    for (std::size_t number = 0; number < answers.size(); ++number) {
        ASSERT_TRUE(answers[number]->has_value());
        EXPECT_EQ((**answers[number])->body, std::to_string(number));
    }
}

TEST(StreamingPeer, WhatIsNotAnsweredInTimeMayHaveBeenDone) {
    test::SandboxWorld* world = nullptr;
    TwoPeers two{[&](Request) -> awaitable<Response> {
        co_await world->time.sleep_until(world->time.now() + 5s);
        co_return Response{200};
    }};
    world = &two;
    auto answer = two.begin({"POST", "/", {}}, 1s);
    two.pass(2s);
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((**answer).error().trouble, Trouble::timed_out);
    two.pass(5s);
    EXPECT_FALSE(two.server->over());  // the late answer is nobody's
}

TEST(StreamingPeer, ABugInAHandlerIsAnsweredAndEndsNothing) {
    TwoPeers two{[](Request request) -> awaitable<Response> {
        if (request.path == "/bug") throw std::runtime_error("a bug");
        co_return Response{200};
    }};
    EXPECT_EQ(two.ask({"POST", "/bug", {}})->status, 500U);
    EXPECT_EQ(two.ask({"POST", "/", {}})->status, 200U);
}

TEST(StreamingPeer, TheSocketEndsWithItsTokenAndWhoeverWaitsHearsIt) {
    test::SandboxWorld* world = nullptr;
    TwoPeers two{[&](Request) -> awaitable<Response> {
                     co_await world->time.sleep_until(world->time.now() + 1h);
                     co_return Response{200};
                 },
                 10s};
    world = &two;
    auto waiting = two.begin({"POST", "/", {}}, 1h);
    two.pass(9s);
    EXPECT_FALSE(two.server->over());
    two.pass(5s);
    EXPECT_TRUE(two.server->over());
    ASSERT_TRUE(waiting->has_value());
    EXPECT_EQ((**waiting).error().trouble, Trouble::timed_out);
    auto late = two.begin({"POST", "/", {}});
    two.pass(100ms);
    ASSERT_TRUE(late->has_value());
    EXPECT_EQ((**late).error().trouble, Trouble::unavailable);
    two.pass(1h);
}

}  // namespace
}  // namespace countersign::streaming
