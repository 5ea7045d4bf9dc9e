#include "countersign/app/unannounced.hpp"

#include <gmock/gmock.h>

#include "app/cards.hpp"

// Cards whose channel does not exist, or that the bot is not in.
namespace countersign::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Unannounced : Cards {
    std::vector<app::CardProblem> problems(std::optional<core::RequestId> request = std::nullopt) {
        return office.get(office.store.problems(request, 100, office.soon())).value();
    }
    // "deploys" go to #deploys and #watch; the server's own channel is #approvals.
    core::RequestId deploy() {
        auto id = process->open("deploy")->c.request->id;
        office.pass(2s);
        return id;
    }
    std::vector<std::string> channels(core::RequestId request) {
        std::vector<std::string> all;
        for (const auto& message : shown(request))
            if (!message.retired) all.push_back(message.channel);
        std::ranges::sort(all);
        return all;
    }
};

TEST_F(Unannounced, TheDefaultChannelShowsWhatItsOwnChannelCannot) {
    office.chat.barred = {"#deploys"};
    auto id = deploy();
    EXPECT_THAT(channels(id), testing::ElementsAre("#approvals", "#watch"));
    ASSERT_THAT(problems(id), SizeIs(1));
    EXPECT_EQ(problems(id)[0].target.channel, "#deploys");
    EXPECT_EQ(problems(id)[0].problem, "there is no #deploys");
    EXPECT_TRUE(problems(id)[0].fell_back && problems(id)[0].request_shown);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(5s);
    expect_calm(id, 2);
}

TEST_F(Unannounced, WhatNoChatShowsIsOnRecordUntilSomebodyMendsIt) {
    office.chat.barred = {"#approvals"};
    auto id = process->open("db.export")->c.request->id;
    office.pass(2s);
    EXPECT_THAT(channels(id), IsEmpty());
    ASSERT_THAT(problems(id), SizeIs(1));
    EXPECT_FALSE(problems(id)[0].request_shown);
    office.chat.barred.clear();
    office.pass(61s);
    EXPECT_THAT(channels(id), testing::ElementsAre("#approvals"));
    EXPECT_THAT(problems(id), IsEmpty());
}

TEST_F(Unannounced, WhereTheDefaultChannelShowsItAnywayNothingIsPostedTwice) {
    office.chat.barred = {"#deploys", "#watch", "#approvals"};
    auto id = deploy();
    EXPECT_THAT(problems(id), SizeIs(2));
    office.chat.barred = {"#deploys", "#watch"};
    office.pass(61s);
    EXPECT_THAT(channels(id), testing::ElementsAre("#approvals")) << "one of two messages there counts";
}

TEST_F(Unannounced, AnEscalationThatReachesNobodyIsNotSaidWhereTheRequestStandsAlready) {
    office.chat.barred = {"#sre-oncall", "#deploys"};
    auto id = process->open("slow.x")->c.request->id;
    office.pass(16min);
    EXPECT_THAT(channels(id), testing::ElementsAre("#approvals"));
    EXPECT_FALSE(problems(id).empty());
}

TEST_F(Unannounced, WhatIsOverIsNoTroubleAnyMore) {
    office.chat.barred = {"#approvals"};
    auto id = process->open("db.export")->c.request->id;
    office.pass(2s);
    ASSERT_TRUE(process->vote(id, "U0AMY", core::Verdict::deny));
    office.pass(61s);
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Unannounced, ARequestWithoutAnyChannelWaitsForOneAndSaysSo) {
    office.default_channel.clear();
    process = fresh();
    auto id = process->open("db.export")->c.request->id;
    office.pass(2s);
    EXPECT_THAT(channels(id), IsEmpty());
    ASSERT_THAT(problems(id), SizeIs(1));
    EXPECT_FALSE(problems(id)[0].request_shown);
    EXPECT_THAT(problems(id)[0].problem, HasSubstr("no channel is configured"));
    office.default_channel = "#approvals";
    process = fresh();
    office.pass(90s);
    EXPECT_THAT(channels(id), testing::ElementsAre("#approvals"));
    EXPECT_THAT(problems(id), IsEmpty());
}

TEST_F(Unannounced, WhoeverRunsTheServerIsTold) {
    app::UnannouncedWatch watch{process->runtime, office.store};
    process->tasks.start_loop("unannounced", watch.run());
    office.pass(4s);
    EXPECT_EQ(watch.warning(), "");
    office.chat.barred = {"#deploys", "#watch", "#approvals"};
    deploy();
    office.pass(4s);
    EXPECT_THAT(watch.warning(), HasSubstr("slack #deploys cannot be posted to: there is no #deploys"));
    EXPECT_THAT(watch.warning(), HasSubstr("1 request is pending that no chat shows"));
    office.chat.barred.clear();
    office.pass(65s);
    EXPECT_EQ(watch.warning(), "");
    process->kill();
}

}  // namespace
}  // namespace countersign::test
