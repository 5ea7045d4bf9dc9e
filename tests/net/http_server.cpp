#include <gtest/gtest.h>

#include <algorithm>

#include "net/http_parser.hpp"
#include "net/net_world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::NetWorld;
namespace asio = rt::asio;

asio::awaitable<void> echo(net::HttpExchange& exchange) {
    net::HttpRequest& request = exchange.request();
    net::HttpResponse response;
    response.fields.add("Content-Type", "text/plain");
    response.body = request.method + " " + request.target + " [" + request.body + "]";
    co_await exchange.respond(std::move(response));
}

std::string get(std::string_view target, std::string_view more = {}) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: server\r\n" + std::string(more) + "\r\n";
}
const std::string last = "Connection: close\r\n";

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

std::string repeat(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

struct Malformed {
    std::string name;
    std::string bytes;
    int status;
    std::string code;
};

std::vector<Malformed> malformed_heads() {
    auto line = [](std::string first) { return first + "\r\nHost: server\r\n\r\n"; };
    using namespace std::string_literals;
    return {
        {"NoVersion", line("GET /"), 400, "bad_request_line"},
        {"TwoSpaces", line("GET  / HTTP/1.1"), 400, "bad_target"},
        {"TabInLine", line("GET\t/ HTTP/1.1"), 400, "bad_request_line"},
        {"SpaceInTarget", line("GET /a b HTTP/1.1"), 400, "bad_request_line"},
        {"NulInTarget", line("GET /a\0b HTTP/1.1"s), 400, "bad_target"},
        {"RawUtf8InTarget", line("GET /é HTTP/1.1"), 400, "bad_target"},
        {"FragmentInTarget", line("GET /a#b HTTP/1.1"), 400, "bad_target"},
        {"RelativeTarget", line("GET a HTTP/1.1"), 400, "bad_target"},
        {"Asterisk", line("OPTIONS * HTTP/1.1"), 400, "bad_target"},
        {"AbsoluteOfAnother", line("GET http://other/ HTTP/1.1"), 400, "authority_differs"},
        {"AbsoluteOfAnotherPort", line("GET http://server:81/ HTTP/1.1"), 400, "authority_differs"},
        {"Connect", line("CONNECT server:443 HTTP/1.1"), 400, "no_proxy"},
        {"BadMethod", line("GE(T / HTTP/1.1"), 400, "bad_request_line"},
        {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "bad_version"},
        {"Http2", line("GET / HTTP/2.0"), 505, "bad_version"},
        {"Http09", line("GET / HTTP/0.9"), 505, "bad_version"},
        {"LowerCaseVersion", line("GET / http/1.1"), 400, "bad_request_line"},
        {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400, "bad_host"},
        {"EmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_host"},
        {"TwoHosts", get("/", "Host: server\r\n"), 400, "bad_host"},
        {"HostWithPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host"},
        {"HostWithUser", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "bad_host"},
        {"SpaceBeforeColon", get("/", "A : b\r\n"), 400, "bad_field_name"},
        {"NoColon", get("/", "abc\r\n"), 400, "bad_field_name"},
        {"EmptyName", get("/", ": b\r\n"), 400, "bad_field_name"},
        {"Folded", get("/", "A: b\r\n c\r\n"), 400, "folded_field"},
        {"FoldedFirst", "GET / HTTP/1.1\r\n Host: server\r\n\r\n", 400, "folded_field"},
        {"NulInValue", get("/", "A: b\0c\r\n"s), 400, "bad_field_value"},
        {"BareCr", get("/", "A: b\rc\r\n"), 400, "bad_field_value"},
        {"BareLf", "GET / HTTP/1.1\nHost: server\n\n", 400, "bad_line_end"},
        {"BareLfBetweenFields", "GET / HTTP/1.1\r\nHost: server\nA: b\r\n\r\n", 400, "bad_line_end"},
        {"ShortVersion", line("GET / HTTP"), 400, "bad_request_line"},
        {"ShorterVersion", "GET / HTP\r\n\r\n", 400, "bad_request_line"},
        {"NoMethod", line(" / HTTP/1.1"), 400, "bad_request_line"},
        {"FoldedOntoNothing", get("/", "A:\r\n b\r\n"), 400, "folded_field"},
    };
}

std::vector<Malformed> malformed_bodies() {
    auto post = [](std::string fields, std::string body) {
        return "POST / HTTP/1.1\r\nHost: server\r\n" + fields + "\r\n" + body;
    };
    std::string chunked = "Transfer-Encoding: chunked\r\n";
    using namespace std::string_literals;
    return {
        {"LengthAndChunked", post("Content-Length: 3\r\n" + chunked, "abc"), 400, "ambiguous_length"},
        {"ChunkedAndLength", post(chunked + "Content-Length: 3\r\n", "abc"), 400, "ambiguous_length"},
        {"TwoLengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400, "ambiguous_length"},
        {"LengthList", post("Content-Length: 3, 3\r\n", "abc"), 400, "bad_content_length"},
        {"NegativeLength", post("Content-Length: -1\r\n", ""), 400, "bad_content_length"},
        {"PlusLength", post("Content-Length: +3\r\n", "abc"), 400, "bad_content_length"},
        {"HexLength", post("Content-Length: 0x3\r\n", "abc"), 400, "bad_content_length"},
        {"HugeLength", post("Content-Length: 99999999999999999999\r\n", ""), 400, "bad_content_length"},
        {"EmptyLength", post("Content-Length:\r\n", ""), 400, "bad_content_length"},
        {"UnknownCoding", post("Transfer-Encoding: gzip\r\n", ""), 501, "unknown_transfer_encoding"},
        {"CodingList", post("Transfer-Encoding: gzip, chunked\r\n", ""), 501, "unknown_transfer_encoding"},
        {"TwoCodings", post(chunked + chunked, ""), 400, "ambiguous_length"},
        {"CodingIn10", "POST / HTTP/1.0\r\n" + chunked + "\r\n0\r\n\r\n", 400, "bad_transfer_encoding"},
        {"ChunkNotHex", post(chunked, "xyz\r\n"), 400, "bad_chunk"},
        {"ChunkEmptySize", post(chunked, "\r\n"), 400, "bad_chunk"},
        {"ChunkSigned", post(chunked, "+1\r\na\r\n0\r\n\r\n"), 400, "bad_chunk"},
        {"ChunkSizeOverflow", post(chunked, "ffffffffffffffff1\r\n"), 400, "bad_chunk"},
        {"ChunkTooLong", post(chunked, "1\r\nab\r\n0\r\n\r\n"), 400, "bad_chunk"},
        {"ChunkBareLf", post(chunked, "1\na\n0\n\n"), 400, "bad_chunk"},
        {"ChunkControl", post(chunked, "1;a=\"\0\"\r\na\r\n0\r\n\r\n"s), 400, "bad_chunk"},
        {"ChunkLineFeedInExtension", post(chunked, "1;a=\"\n\"\r\na\r\n0\r\n\r\n"), 400, "bad_chunk"},
        {"ChunkEndlessExtension", post(chunked, "1;a=" + std::string(2000, 'x')), 400, "bad_chunk"},
        {"EndlessTrailers", post(chunked, "0\r\n" + repeat("A: b\r\n", 4000)), 431, "headers_too_large"},
        {"LengthInTrailer", post(chunked, "0\r\nContent-Length: 5\r\n\r\n"), 400, "bad_chunk"},
        {"LineFeedInTrailer", post(chunked, "0\r\nA: b\nC: d\r\n\r\n"), 400, "bad_chunk"},
        {"UnknownExpectation", post("Content-Length: 1\r\nExpect: cake\r\n", "a"), 417,
         "unknown_expectation"},
    };
}

class MalformedRequest : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequest, IsRefusedHoweverItIsSplit) {
    const Malformed& request = GetParam();
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        NetWorld world;
        int reached = 0;
        world.network->set_conditions({.seed = seed, .split = true});
        world.serve([&](net::HttpExchange& exchange) {
            ++reached;
            return echo(exchange);
        });
        std::string answer = world.talk(request.bytes);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(request.status))) << answer;
        EXPECT_NE(answer.find("\"code\":\"" + request.code + "\""), std::string::npos) << answer;
        EXPECT_NE(answer.find("Content-Type: application/problem+json"), std::string::npos);
        EXPECT_NE(answer.find("Connection: close"), std::string::npos);
        EXPECT_EQ(reached, 0);
    }
}

INSTANTIATE_TEST_SUITE_P(Heads, MalformedRequest, testing::ValuesIn(malformed_heads()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Bodies, MalformedRequest, testing::ValuesIn(malformed_bodies()),
                         [](const auto& info) { return info.param.name; });

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        NetWorld world;
        world.network->set_conditions({.seed = seed, .split = true});
        world.serve(echo);
        std::string answer =
            world.talk(get("/1") + "POST /2 HTTP/1.1\r\nHost: server\r\nContent-Length: 5\r\n\r\nhello" +
                       "POST /3 HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n" +
                       "\r\n" + get("/4", last));
        std::size_t one = answer.find("GET /1 []"), two = answer.find("POST /2 [hello]"),
                    three = answer.find("POST /3 [abcde]"), four = answer.find("GET /4 []");
        ASSERT_NE(four, std::string::npos) << answer;
        EXPECT_TRUE(one < two && two < three && three < four) << answer;
        EXPECT_EQ(count_of(answer, "HTTP/1.1 200 OK"), 4U);
    }
}

TEST(HttpServer, AcceptsAnAbsoluteTargetOfItsOwn) {
    NetWorld world;
    world.serve(echo);
    EXPECT_NE(
        world.talk("GET http://SERVER/a?b HTTP/1.1\r\nHost: server\r\n" + last + "\r\n").find("GET /a?b []"),
        std::string::npos);
}

TEST(HttpServer, AHeadRequestGetsNoBody) {
    NetWorld world;
    world.serve(echo);
    std::string answer = world.talk("HEAD /x HTTP/1.1\r\nHost: server\r\n" + last + "\r\n");
    EXPECT_NE(answer.find("Content-Length: 10\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServer, Http10IsAnsweredAndClosed) {
    NetWorld world;
    world.serve(echo);
    std::string answer = world.talk("GET /x HTTP/1.0\r\n\r\n");
    EXPECT_NE(answer.find("GET /x []"), std::string::npos);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, RefusesALargeBodyBeforeReadingIt) {
    NetWorld world;
    world.serve(echo, {.body_bytes_max = 1000});
    EXPECT_TRUE(world.talk("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 1001\r\n\r\n")
                    .starts_with("HTTP/1.1 413"));
    EXPECT_LE(world.elapsed(), 3s) << "the answer must not wait for the body";
    EXPECT_TRUE(world
                    .talk("POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
                          std::string(1000, 'x') + "\r\n1\r\n")
                    .starts_with("HTTP/1.1 413"));
    std::string exact = world.talk("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 1000\r\n" + last +
                                   "\r\n" + std::string(1000, 'x'));
    EXPECT_TRUE(exact.starts_with("HTTP/1.1 200")) << exact;
}

TEST(HttpServer, RefusesLargeAndManyFields) {
    NetWorld world;
    world.serve(echo, {.header_bytes_max = 2000});
    EXPECT_TRUE(world.talk(get("/", "A: " + std::string(2000, 'x') + "\r\n")).starts_with("HTTP/1.1 431"));
    EXPECT_TRUE(world.talk("GET /" + std::string(3000, 'x')).starts_with("HTTP/1.1 431"));
    EXPECT_TRUE(
        world.talk(get("/", last + "A: " + std::string(1800, 'x') + "\r\n")).starts_with("HTTP/1.1 200"));
    std::string many;
    for (int i = 0; i < 400; ++i) many += "a:\r\n";
    EXPECT_TRUE(world.talk(get("/", many)).starts_with("HTTP/1.1 431"));
}

TEST(HttpServer, ASlowHeaderIsToldSoAndClosed) {
    NetWorld world;
    world.serve(echo);
    EXPECT_TRUE(world.talk("GET / HTTP/1.1\r\nHos").starts_with("HTTP/1.1 408"));
    EXPECT_GE(world.elapsed(), 10s);
    EXPECT_LE(world.elapsed(), 13s);
}

TEST(HttpServer, ASlowBodyIsToldSoAndClosed) {
    NetWorld world;
    world.serve(echo);
    EXPECT_TRUE(world.talk("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\nabc")
                    .starts_with("HTTP/1.1 408"));
    EXPECT_GE(world.elapsed(), 20s);
    EXPECT_LE(world.elapsed(), 23s);
}

TEST(HttpServer, AnIdleConnectionIsClosedWithoutAWord) {
    NetWorld world;
    world.serve(echo);
    std::string answer = world.talk(get("/"));
    EXPECT_EQ(count_of(answer, "HTTP/1.1"), 1U);
    EXPECT_EQ(world.elapsed(), 75s);
    NetWorld silent;
    silent.serve(echo);
    EXPECT_EQ(silent.talk(""), "");
    EXPECT_EQ(silent.elapsed(), 10s);
}

TEST(HttpServer, ADoorkeeperTurnsAwayBeforeTheBodyIsRead) {
    NetWorld world;
    std::vector<std::string> asked;
    auto keeper = [&](const net::HttpRequest& head) -> asio::awaitable<std::optional<net::HttpResponse>> {
        asked.push_back(head.method + " " + head.target + " " + head.body);
        if (head.fields.find("Authorization")) co_return std::nullopt;
        net::HttpResponse answer;
        answer.status = 401;
        answer.body = "who are you?";
        co_return answer;
    };
    world.serve(echo, {}, keeper);
    // Its body never comes.
    std::string refused = world.talk("POST /a HTTP/1.1\r\nHost: server\r\nContent-Length: 300000\r\n\r\nabc");
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 401")) << refused;
    EXPECT_TRUE(refused.ends_with("who are you?")) << refused;
    EXPECT_EQ(count_of(refused, "Connection: close"), 1U);
    EXPECT_LE(world.elapsed(), 3s);
    std::string uncontinued =
        world.talk("POST /b HTTP/1.1\r\nHost: server\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_TRUE(uncontinued.starts_with("HTTP/1.1 401")) << uncontinued;
    EXPECT_EQ(asked, (std::vector<std::string>{"POST /a ", "POST /b "}));
    // Who is let in, and whoever sends no body, is served as without a doorkeeper.
    EXPECT_TRUE(world
                    .talk("POST /c HTTP/1.1\r\nHost: server\r\nAuthorization: x\r\n" + last +
                          "Content-Length: 3\r\n\r\nabc")
                    .ends_with("[abc]"));
    EXPECT_TRUE(world.talk(get("/d", last)).ends_with("GET /d []"));
    EXPECT_EQ(std::ranges::count(asked, "GET /d "), 0);
}

asio::awaitable<void> expects_continue(NetWorld& world, std::string& first, std::string& second) {
    auto stream = co_await world.network->dial(world.url(), Deadline{world.time.now() + 1s});
    co_await test::write_raw(
        **stream,
        "POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 3\r\nExpect: 100-continue\r\n" + last + "\r\n");
    first = co_await test::read_raw(**stream, "\r\n\r\n");
    co_await test::write_raw(**stream, "abc");
    second = co_await test::read_raw(**stream);
}

TEST(HttpServer, SaysContinueToWhoAsksForIt) {
    NetWorld world;
    world.serve(echo);
    std::string first, second;
    world.spawn(expects_continue(world, first, second));
    world.run();
    EXPECT_EQ(first, "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_NE(second.find("[abc]"), std::string::npos);
}

asio::awaitable<void> connects(NetWorld& world, std::vector<net::StreamPtr>& streams) {
    auto stream = co_await world.network->dial(world.url(), Deadline{world.time.now() + 1s});
    streams.push_back(std::move(*stream));
}

TEST(HttpServer, OneConnectionTooManyIsToldSo) {
    NetWorld world;
    world.serve(echo, {.connections_max = 2});
    std::vector<net::StreamPtr> streams;
    for (int i = 0; i < 2; ++i) world.spawn(connects(world, streams));
    world.settle();
    EXPECT_TRUE(world.talk(get("/")).starts_with("HTTP/1.1 503"));
    streams.clear();
    world.settle();
    EXPECT_TRUE(world.talk(get("/", last)).starts_with("HTTP/1.1 200"));
}

asio::awaitable<void> throws(net::HttpExchange&) {
    throw std::runtime_error("bug");
    co_return;
}
asio::awaitable<void> says_nothing(net::HttpExchange&) {
    co_return;
}

TEST(HttpServer, AHandlersBugIsA500AndTheServerLivesOn) {
    for (const net::HttpHandler& bug : {net::HttpHandler{throws}, net::HttpHandler{says_nothing}}) {
        NetWorld world;
        world.serve(bug);
        testing::internal::CaptureStderr();
        EXPECT_TRUE(world.talk(get("/")).starts_with("HTTP/1.1 500"));
        EXPECT_TRUE(world.talk(get("/")).starts_with("HTTP/1.1 500"));
        EXPECT_NE(testing::internal::GetCapturedStderr().find("handler"), std::string::npos);
    }
}

struct Waiting {
    bool woken = false;
    int answered = 0;
};
asio::awaitable<void> waits_long(net::HttpExchange& exchange, NetWorld& world, Waiting& waiting) {
    exchange.on_peer_gone([&] { waiting.woken = true; });
    co_await world.time.sleep_until(world.time.now() + 30s);
    net::HttpResponse response;
    response.body = "waited for " + exchange.request().target;
    auto sent = co_await exchange.respond(std::move(response));
    if (sent) ++waiting.answered;
}
asio::awaitable<void> hangs_up(NetWorld& world, core::Duration after) {
    auto stream = co_await world.network->dial(world.url(), Deadline{world.time.now() + 1s});
    co_await test::write_raw(**stream, get("/"));
    co_await world.time.sleep_until(world.time.now() + after);
}

TEST(HttpServer, AWaitingHandlerHearsThatItsPeerHungUp) {
    NetWorld world;
    Waiting waiting;
    world.serve([&](net::HttpExchange& exchange) { return waits_long(exchange, world, waiting); });
    world.spawn(hangs_up(world, 5s));
    world.run_until(world.start + 4s);
    EXPECT_FALSE(waiting.woken);
    world.run_until(world.start + 6s);
    EXPECT_TRUE(waiting.woken);
    world.run();
    EXPECT_EQ(waiting.answered, 0);
}

TEST(HttpServer, RequestsThatArriveWhileAHandlerWaitsAreKept) {
    NetWorld world;
    Waiting waiting;
    world.serve([&](net::HttpExchange& exchange) { return waits_long(exchange, world, waiting); });
    std::string answer = world.talk(get("/one") + get("/two") + get("/three", last));
    EXPECT_NE(answer.find("waited for /one"), std::string::npos);
    EXPECT_NE(answer.find("waited for /three"), std::string::npos);
    EXPECT_FALSE(waiting.woken);
    EXPECT_EQ(world.elapsed(), 90s);
}

asio::awaitable<void> streams_three(net::HttpExchange& exchange, NetWorld& world) {
    net::HttpResponse head;
    head.fields.add("Content-Type", "text/event-stream");
    co_await exchange.begin_stream(std::move(head));
    for (int i = 0; i < 3; ++i) {
        auto sent = co_await exchange.write("data: " + std::to_string(i) + "\n\n");
        EXPECT_TRUE(sent);
        co_await world.time.sleep_until(world.time.now() + 1s);
    }
}

TEST(HttpServer, StreamsInChunks) {
    NetWorld world;
    world.serve([&](net::HttpExchange& exchange) { return streams_three(exchange, world); });
    std::string answer = world.talk(get("/", last));
    EXPECT_NE(answer.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"))
        << answer;
    EXPECT_EQ(count_of(world.talk("GET / HTTP/1.0\r\n\r\n"), "chunked"), 0U);
}

asio::awaitable<void> large_answer(net::HttpExchange& exchange, core::Instant& failed_at, NetWorld& world) {
    net::HttpResponse response;
    response.body.assign(2'000'000, 'x');
    auto sent = co_await exchange.respond(std::move(response));
    if (!sent && sent.error().trouble == Trouble::timed_out) failed_at = world.time.now();
}
asio::awaitable<void> never_reads(NetWorld& world) {
    auto stream = co_await world.network->dial(world.url(), Deadline{world.time.now() + 1s});
    co_await test::write_raw(**stream, get("/"));
    co_await world.time.sleep_until(world.time.now() + 60s);
}

TEST(HttpServer, AReaderThatDoesNotReadIsCutOff) {
    NetWorld world;
    core::Instant failed_at{};
    world.serve([&](net::HttpExchange& exchange) { return large_answer(exchange, failed_at, world); });
    world.spawn(never_reads(world));
    world.run();
    EXPECT_EQ(failed_at, world.start + 20s);
}

TEST(HttpServer, AClosedListenerLetsTheCurrentAnswerOutAndDropsIdleConnections) {
    NetWorld world;
    Waiting waiting;
    world.serve([&](net::HttpExchange& exchange) { return waits_long(exchange, world, waiting); });
    std::string busy;
    std::vector<net::StreamPtr> idle;
    world.spawn(world.talk_to_server(get("/busy"), busy));
    world.spawn(connects(world, idle));
    world.run_until(world.start + 1s);
    EXPECT_EQ(world.sessions.size(), 2U);
    world.listener->close();
    world.settle();
    EXPECT_EQ(world.sessions.size(), 1U);
    world.run();
    EXPECT_NE(busy.find("waited for /busy"), std::string::npos);
    EXPECT_EQ(world.elapsed(), 30s) << "the connection must not be kept alive";
}

asio::awaitable<void> drops(net::HttpExchange& exchange) {
    exchange.drop();
    co_return;
}

TEST(HttpServer, AnExchangeCanBeDropped) {
    NetWorld world;
    world.serve(drops);
    EXPECT_EQ(world.talk(get("/")), "");
}

asio::awaitable<void> hostile_fields(net::HttpExchange& exchange) {
    net::HttpResponse response;
    response.fields.add("X-Name", "a\r\nSet-Cookie: evil");
    response.fields.add("Bad Name", "x");
    co_await exchange.respond(std::move(response));
}

TEST(HttpServer, AFieldsValueCannotStartANewLine) {
    NetWorld world;
    world.serve(hostile_fields);
    std::string answer = world.talk(get("/", last));
    EXPECT_NE(answer.find("X-Name: a  Set-Cookie: evil\r\n"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("Bad Name"), std::string::npos);
}

// Whoever may connect may send so, and a parser that asserts would end the server.
TEST(RequestParser, AChunkedBodyMayComeByteByByteAndBeLookedAtTwice) {
    for (std::string body : {"0\r\n\r\n", "0\r\nA: b\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "00;a=b\r\n\r\n"}) {
        net::RequestParser parser{1000, 1000};
        ASSERT_FALSE(parser.take_head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
        std::size_t taken = 0;
        for (std::size_t i = 1; i <= body.size(); ++i)
            for (int again = 0; again < 2 && !parser.whole(); ++again)
                taken += parser.take_body(std::string_view{body}.substr(taken, i - taken)).value();
        EXPECT_TRUE(parser.whole()) << body;
        EXPECT_EQ(taken, body.size());
    }
}

}  // namespace
}  // namespace countersign
