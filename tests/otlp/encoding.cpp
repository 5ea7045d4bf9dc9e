#include "otlp/encoding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/base/text.hpp"

namespace countersign::otlp {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAsTheStandardSays) {
    auto read = read_traceparent(sample);
    ASSERT_TRUE(read);
    EXPECT_EQ(hex(read->trace), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(hex(read->span), "00f067aa0ba902b7");
    EXPECT_TRUE(read->sampled);
    auto unsampled = read_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    ASSERT_TRUE(unsampled);
    EXPECT_FALSE(unsampled->sampled);
    EXPECT_TRUE(read_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later"));
}

TEST(Traceparent, WhatIsNoneIsIgnored) {
    for (const char* text : {"", "00", "hello", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e473-000f067aa0ba902b7-01",
                             "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"})
        EXPECT_FALSE(read_traceparent(text)) << text;
}

core::RequestId request() {
    return *core::RequestId::parse("req_01KDY02100Z5659KS19GFZ01TA");
}

TEST(Encoding, IdsFollowFromWhatTheyAreOf) {
    EXPECT_EQ(trace_of(request()), trace_of(request()));
    EXPECT_EQ(span_id_of(app::span_of_entry(request(), 2)), span_id_of(app::span_of_entry(request(), 2)));
    EXPECT_NE(span_id_of(app::span_of_entry(request(), 2)), span_id_of(app::span_of_entry(request(), 3)));
    EXPECT_NE(span_id_of(app::span_of_act("a")), span_id_of(app::span_of_act("b")));
}

TEST(Encoding, ASpanIsWhatTheProtocolsJsonMappingSays) {
    Target target{.url = {}, .header_name = {}, .header_value = {}, .version = "1.2", .instance = "ab"};
    Recorded recorded{.span = {.name = "vote",
                               .request = request(),
                               .kind = app::Span::Kind::client,
                               .of = {},
                               .parent = {},
                               .begun = core::Instant{1500ms},
                               .ended = core::Instant{1s},  // a clock that was set back
                               .failed = true,
                               .attributes = {{"countersign.verdict", "deny"}}},
                      .trace = trace_of(request()),
                      .id = span_id_of("x"),
                      .parent = span_id_of("y")};
    EXPECT_EQ(core::canonical(export_document(target, {&recorded, 1})),
              R"({"resourceSpans":[{"resource":{"attributes":[)"
              R"({"key":"service.name","value":{"stringValue":"countersign"}},)"
              R"({"key":"service.version","value":{"stringValue":"1.2"}},)"
              R"({"key":"service.instance.id","value":{"stringValue":"ab"}}]},)"
              R"("scopeSpans":[{"scope":{"name":"countersign","version":"1.2"},"spans":[{"attributes":[)"
              R"({"key":"countersign.request.id","value":{"stringValue":"req_01KDY02100Z5659KS19GFZ01TA"}},)"
              R"({"key":"countersign.verdict","value":{"stringValue":"deny"}}],)"
              R"("endTimeUnixNano":"1500000000","kind":3,"name":"vote","parentSpanId":")" +
                  hex(span_id_of("y")) + R"(","spanId":")" + hex(span_id_of("x")) +
                  R"(","startTimeUnixNano":"1500000000","status":{"code":2},"traceId":")" +
                  hex(trace_of(request())) + R"("}]}]}]})");
}

}  // namespace
}  // namespace countersign::otlp
