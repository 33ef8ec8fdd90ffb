# What happens when a rank, a host, a cable or a disk dies. Some of it needs root; it is skipped elsewhere, and says so.
# All of it takes minutes: RINGRNN_TEST_ALL=1 makes every pair of fault and way of summing gradients, else a few of them.
find_package(Python3 COMPONENTS Interpreter)
set(python ${Python3_EXECUTABLE})
if(RINGRNN_TEST_PYTHON)
    set(python ${RINGRNN_TEST_PYTHON})
endif()
if(NOT python OR NOT TARGET ringrnn)
    message(STATUS "No Python interpreter: the tests of faults are left out")
    return()
endif()
add_library(slow_disk MODULE slow_disk.c)
rr_compile_options(slow_disk)
foreach(subject ranks disk hosts large)
    add_test(NAME cluster.faults_${subject} COMMAND ${python} -B faults_${subject}.py -v
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(cluster.faults_${subject} PROPERTIES LABELS cluster TIMEOUT 1800 RUN_SERIAL ON SKIP_RETURN_CODE 77
        ENVIRONMENT "RINGRNN=$<TARGET_FILE:ringrnn>;RINGRNN_SOURCE=${PROJECT_SOURCE_DIR};RINGRNN_SLOW_DISK=$<TARGET_FILE:slow_disk>;PYTHONDONTWRITEBYTECODE=1")
endforeach()
