#include "countersign/wire/streaming.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"

// Frames of the Bot Framework's streaming extensions. The wire example is what npm
// botframework-streaming 4.23 sends and takes.
namespace countersign::wire {
namespace {

using testing::ElementsAre;
using Kind = StreamingMessage::Kind;
using Problem = StreamingMessage::Problem;
using Type = StreamingHeader::Type;

constexpr std::string_view request_guid = "91581811-681d-41fb-bca4-666d78edd51a";
constexpr std::string_view stream_guid = "cb8d9be3-7fba-4599-ac9a-a4990f84e915";
constexpr std::size_t streamed_bytes_max = 10'000;
constexpr core::Instant first_moment{};

std::string stream_frame(Type type, std::string_view id, std::string_view payload, bool last = true) {
    return streaming_header({type, payload.size(), std::string(id), last}) + std::string(payload);
}
std::string stream_head(std::string_view length, std::string_view type = "type") {
    return fmt::format(
        R"({{"verb":"POST","path":"/api/messages","streams":[{{"id":"{}","{}":"application/json; charset=utf-8"{}}}]}})",
        stream_guid, type, length);
}
std::vector<StreamingMessage> messages_of(StreamingReader& reader) {
    std::vector<StreamingMessage> all;
    while (auto one = reader.next()) all.push_back(std::move(*one));
    return all;
}
std::vector<StreamingMessage> read_frames(const std::string& bytes, std::size_t piece = std::string::npos) {
    StreamingReader reader{streamed_bytes_max};
    for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at))
        EXPECT_TRUE(reader.feed(std::string_view{bytes}.substr(at, piece), first_moment));
    return messages_of(reader);
}

TEST(StreamingFrames, AreThoseOfTheWireExample) {
    StreamingMessage answer{
        .kind = Kind::response, .id = std::string(request_guid), .status = 200, .body = {}};
    EXPECT_THAT(
        streaming_frames(answer, std::string(stream_guid)),
        ElementsAre("B.000031." + std::string(request_guid) + ".1\n", R"({"statusCode":200,"streams":[]})"));
    answer.body = R"({"id":"1"})";
    auto frames = streaming_frames(answer, std::string(stream_guid));
    ASSERT_EQ(frames.size(), 4U);
    EXPECT_EQ(frames[2], "S.000010." + std::string(stream_guid) + ".1\n");
    EXPECT_EQ(frames[3], R"({"id":"1"})");
    // One SDK looks for `type`, the other for `contentType`.
    auto its_head = parse_json(frames[1], {.bytes_max = 1'000});
    ASSERT_TRUE(its_head);
    const auto& stream = (*(*its_head)["streams"].items())[0];
    EXPECT_EQ(stream["type"].text(), "application/json; charset=utf-8");
    EXPECT_EQ(stream["contentType"].text(), "application/json; charset=utf-8");
    EXPECT_EQ(stream["length"].whole(), 10);
}

TEST(StreamingFrames, LongBodiesGoInPiecesOf4096Bytes) {
    StreamingMessage asks{.kind = Kind::request,
                          .id = std::string(request_guid),
                          .verb = "POST",
                          .path = "/x",
                          .body = std::string(9'000, 'x')};
    auto frames = streaming_frames(asks, std::string(stream_guid));
    ASSERT_EQ(frames.size(), 8U);
    EXPECT_EQ(frames[2].substr(0, 9), "S.004096.");
    EXPECT_EQ(frames[2].substr(45), ".0\n");
    EXPECT_EQ(frames[6].substr(0, 9), "S.000808.");
    EXPECT_EQ(frames[6].substr(45), ".1\n");
    std::string joined;
    for (const auto& one : frames) joined += one;
    auto back = read_frames(joined);
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(back[0].body, asks.body);
    EXPECT_EQ(back[0].verb, "POST");
    EXPECT_EQ(back[0].path, "/x");
}

TEST(StreamingReader, TakesPiecesOfAnySize) {
    const std::string body = "\xEF\xBB\xBF{\"type\":\"message\",\"text\":\"h\xC3\xA9\"}";
    const auto length = fmt::format(R"(,"length":{})", body.size());
    for (std::string_view type : {"type", "contentType"})
        for (std::size_t piece : {1UL, 2UL, 47UL, 48UL, 49UL, 1'000UL}) {
            auto all = read_frames(stream_frame(Type::request, request_guid, stream_head(length, type)) +
                                       stream_frame(Type::stream, stream_guid, body),
                                   piece);
            ASSERT_EQ(all.size(), 1U) << piece;
            EXPECT_EQ(all[0].kind, Kind::request);
            EXPECT_EQ(all[0].id, request_guid);
            EXPECT_EQ(all[0].body, body.substr(3));
            EXPECT_EQ(all[0].problem, Problem::none);
        }
}

TEST(StreamingReader, AStreamMayComeBeforeItsMessageInPiecesAndWithoutALength) {
    auto all = read_frames(stream_frame(Type::stream, stream_guid, "{\"a\":", false) +
                           stream_frame(Type::request, request_guid, stream_head("")) +
                           stream_frame(Type::stream, stream_guid, "1}", false) +
                           stream_frame(Type::stream, stream_guid, ""));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].body, "{\"a\":1}");
    // Whole before its message, and ids in capitals.
    std::string capitals = "CB8D9BE3-7FBA-4599-AC9A-A4990F84E915";
    all = read_frames(stream_frame(Type::stream, capitals, "{}") +
                      stream_frame(Type::request, request_guid, stream_head(R"(,"length":2)")));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].body, "{}");
}

TEST(StreamingReader, AStreamOfLengthZeroNeverComesAndIsComplete) {
    auto all = read_frames(stream_frame(Type::request, request_guid, stream_head(R"(,"length":0)")));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].body, "");
}

TEST(StreamingReader, TheEndThatComesAfterTheLengthWasReachedIsPassedOver) {
    auto bytes = stream_frame(Type::request, request_guid, stream_head(R"(,"length":2)")) +
                 stream_frame(Type::stream, stream_guid, "{}", false) +
                 stream_frame(Type::stream, stream_guid, "");
    EXPECT_EQ(read_frames(bytes + bytes).size(), 2U);
}

TEST(StreamingReader, AttachmentsAreAwaitedAndNotKept) {
    constexpr std::string_view other = "00000000-0000-4000-8000-000000000001";
    auto two = fmt::format(R"({{"verb":"POST","path":"/","streams":[{{"id":"{}"}},{{"id":"{}"}}]}})",
                           stream_guid, other);
    StreamingReader reader{streamed_bytes_max};
    EXPECT_TRUE(reader.feed(
        stream_frame(Type::request, request_guid, two) + stream_frame(Type::stream, stream_guid, "{}"),
        first_moment));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.feed(stream_frame(Type::stream, other, "picture"), first_moment));
    auto one = reader.next();
    ASSERT_TRUE(one);
    EXPECT_EQ(one->body, "{}");
}

TEST(StreamingReader, WhatIsTooLongIsSaidAtOnceAndItsBytesArePassedOver) {
    auto all = read_frames(stream_frame(Type::request, request_guid, stream_head(R"(,"length":10001)")) +
                           stream_frame(Type::stream, stream_guid, std::string(4'096, 'x'), false) +
                           stream_frame(Type::stream, stream_guid, "x") +
                           stream_frame(Type::request, request_guid, stream_head(R"(,"length":2)")) +
                           stream_frame(Type::stream, stream_guid, "{}"));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].problem, Problem::too_large);
    EXPECT_EQ(all[0].body, "");
    EXPECT_EQ(all[1].body, "{}");
    std::string long_one = stream_frame(Type::request, request_guid, stream_head(""));
    for (int i = 0; i < 3; ++i)
        long_one += stream_frame(Type::stream, stream_guid, std::string(4'096, 'x'), false);
    all = read_frames(long_one);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].problem, Problem::too_large);
}

TEST(StreamingReader, OtherLengthsThanWereSaidAndHeadsThatAreNoneAreMalformed) {
    const std::vector<std::string> wrong{
        stream_frame(Type::request, request_guid, stream_head(R"(,"length":3)")) +
            stream_frame(Type::stream, stream_guid, "{}"),
        stream_frame(Type::request, request_guid, stream_head(R"(,"length":1)")) +
            stream_frame(Type::stream, stream_guid, "{}"),
        stream_frame(Type::request, request_guid, "{"),
        stream_frame(Type::request, request_guid, ""),
        stream_frame(Type::request, request_guid, "[]"),
        stream_frame(Type::request, request_guid, R"({"verb":"POST","path":"/","streams":[{"id":"x"}]})"),
        stream_frame(Type::request, request_guid, stream_head("")) +
            stream_frame(Type::cancel_one, stream_guid, ""),
    };
    for (const auto& bytes : wrong) {
        auto all = read_frames(bytes);
        ASSERT_EQ(all.size(), 1U) << bytes;
        EXPECT_EQ(all[0].problem, Problem::malformed) << bytes;
        EXPECT_EQ(all[0].id, request_guid);
    }
}

TEST(StreamingReader, WhatIsNoFrameEndsItAll) {
    const auto fine = stream_frame(Type::request, request_guid, "{}");
    auto with = [&](std::size_t at, std::string_view piece) {
        auto changed = fine;
        changed.replace(at, piece.size(), piece);
        return changed;
    };
    for (const auto& bytes :
         {with(0, "R"), with(1, "-"), with(2, "00x002"), with(2, "004097"), with(2, "-00002"), with(8, ":"),
          with(10, "g"), with(17, "0"), with(46, "2"), with(47, " "), std::string(48, '\0'),
          std::string("GET / HTTP/1.1\r\nHost: approvals.example\r\nAccept: */*\r\n\r\n")}) {
        StreamingReader reader{streamed_bytes_max};
        EXPECT_FALSE(reader.feed(bytes, first_moment)) << bytes;
    }
}

TEST(StreamingReader, WhatIsBegunAndNeverEndedIsBounded) {
    StreamingReader reader{streamed_bytes_max};
    auto id = [](std::size_t number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); };
    for (std::size_t number = 0; number < StreamingReader::incomplete_max; ++number)
        EXPECT_TRUE(reader.feed(
            stream_frame(number % 2 ? Type::request : Type::stream, id(number), "{", false), first_moment));
    auto one_more = reader.feed(stream_frame(Type::request, id(1'000), "{", false), first_moment);
    ASSERT_FALSE(one_more);
    EXPECT_EQ(one_more.error().trouble, Trouble::overloaded);
    reader.give_up(first_moment);
    EXPECT_TRUE(messages_of(reader).empty());
    reader.give_up(first_moment + std::chrono::seconds{1});
    auto late = messages_of(reader);
    EXPECT_EQ(late.size(), StreamingReader::incomplete_max / 2);
    for (const auto& one : late) EXPECT_EQ(one.problem, Problem::overdue);
}

TEST(StreamingReader, CancellingAllForgetsAll) {
    StreamingReader reader{streamed_bytes_max};
    EXPECT_TRUE(reader.feed(stream_frame(Type::request, request_guid, stream_head("")) +
                                stream_frame(Type::cancel_all, request_guid, ""),
                            first_moment));
    reader.give_up(first_moment + std::chrono::hours{1});
    EXPECT_FALSE(reader.next());
}

TEST(StreamingId, IsAGuidOfVersion4) {
    std::array<std::byte, 16> random{};
    random.fill(std::byte{0xFF});
    EXPECT_EQ(streaming_id(random), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    EXPECT_TRUE(read_streaming_header(streaming_header({Type::stream, 0, streaming_id({}), true})));
}

}  // namespace
}  // namespace countersign::wire
