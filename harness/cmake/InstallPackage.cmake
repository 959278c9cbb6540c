# `cmake --install` and find_package(Velodrome): see tests/consumer.
