#include "pg/overseer.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace countersign::pg {
namespace {

constexpr int looks_per_patience = 10;

}  // namespace

void Grip::take(int socket) {
    release();
    socket_ = fcntl(socket, F_DUPFD_CLOEXEC, 0);  // -1, where there are none left: then nobody hangs up
}

void Grip::release() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
}

void Grip::hang_up() {
    if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
}

Overseen::Overseen(Overseer& overseer) : overseer_(overseer) {
    std::lock_guard lock(overseer_.mutex_);
    overseer_.all_.push_back(this);
}

Overseen::~Overseen() {
    disconnected();
    std::lock_guard lock(overseer_.mutex_);
    std::erase(overseer_.all_, this);
}

void Overseen::connected(int socket) {
    std::lock_guard lock(overseer_.mutex_);
    grip_.take(socket);
}

void Overseen::disconnected() {
    std::lock_guard lock(overseer_.mutex_);
    grip_.release();
}

Overseen::Exchange::Exchange(Overseen& connection) : connection_(connection) {
    std::lock_guard lock(connection_.overseer_.mutex_);
    connection_.cut_ = false;
    connection_.since_ = rt::steady_now();
}

Overseen::Exchange::~Exchange() {
    std::lock_guard lock(connection_.overseer_.mutex_);
    connection_.since_.reset();
}

bool Overseen::Exchange::cut() const {
    std::lock_guard lock(connection_.overseer_.mutex_);
    return connection_.cut_;
}

Overseer::Overseer(std::chrono::milliseconds patience) : patience_(patience), thread_([this] { watch(); }) {}

Overseer::~Overseer() {
    stop();
}

void Overseer::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Overseer::watch() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, patience_ / looks_per_patience, [this] { return stopping_; });
        auto late = rt::steady_now() - patience_;
        for (Overseen* one : all_) {
            if (!one->since_ || *one->since_ > late || one->cut_) continue;
            one->cut_ = true;
            one->grip_.hang_up();
        }
    }
}

}  // namespace countersign::pg
