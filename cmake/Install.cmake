# The two installed libraries, their CMake package and pkg-config files, headers and configs.
include(CMakePackageConfigHelpers)

# rr_installed_library(<target> <file name> <export name> ROOMS ... DEPENDS ...): a library of these rooms' objects
function(rr_installed_library target output export)
    cmake_parse_arguments(ARG "" "" "ROOMS;DEPENDS" ${ARGN})
    set(objects)
    set(libraries)
    foreach(room ${ARG_ROOMS})
        list(APPEND objects $<TARGET_OBJECTS:rr_${room}>)
        get_property(needs GLOBAL PROPERTY RR_ROOM_LIBRARIES_${room})
        list(APPEND libraries ${needs})
    endforeach()
    list(REMOVE_DUPLICATES libraries)
    list(REMOVE_ITEM libraries deps::random123) # headers alone, compiled in
    add_library(${target} ${objects})
    add_library(ringrnn::${export} ALIAS ${target})
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${output} EXPORT_NAME ${export} LINKER_LANGUAGE C
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} PUBLIC ${ARG_DEPENDS} PRIVATE ${libraries})
    if(RINGRNN_SANITIZE OR RINGRNN_FUZZ)
        target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    elseif(BUILD_SHARED_LIBS)
        target_link_options(${target} PRIVATE LINKER:-z,defs) # a room that needs more than its library has does not link
    endif()
    install(TARGETS ${target} EXPORT ringrnn
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

get_property(rooms GLOBAL PROPERTY RR_ROOMS)
set(core_rooms ${rooms})
list(REMOVE_ITEM core_rooms dist train bench doctor) # benchmarks and the doctor are the program's alone
set(trainer_rooms dist train)

set(RINGRNN_PACKAGE_TRAINER OFF)
rr_installed_library(ringrnn_core ringrnn_core core ROOMS ${core_rooms})
if(TARGET rr_train)
    set(RINGRNN_PACKAGE_TRAINER ON)
    rr_installed_library(ringrnn_trainer ringrnn ringrnn ROOMS ${trainer_rooms} DEPENDS ringrnn_core)
endif()
if(TARGET ringrnn)
    install(TARGETS ringrnn RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ringrnn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
foreach(folder configs jobs)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
        install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/ringrnn)
    endif()
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ringrnn)
install(EXPORT ringrnn NAMESPACE ringrnn:: DESTINATION ${package_folder} FILE ringrnnTargets.cmake)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ringrnnConfig.cmake.in
    ${PROJECT_BINARY_DIR}/ringrnnConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ringrnnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ringrnnConfig.cmake ${PROJECT_BINARY_DIR}/ringrnnConfigVersion.cmake
    DESTINATION ${package_folder})

# pkg-config: paths relative to the file, so that the folder can be moved; what the rooms need is private, so only static
# links see it
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(pc_mpi_libraries)
foreach(library ${MPI_C_LIBRARIES})
    string(APPEND pc_mpi_libraries " ${library}")
endforeach()
set(pc_names ringrnn-core)
if(RINGRNN_PACKAGE_TRAINER)
    list(APPEND pc_names ringrnn)
endif()
foreach(name ${pc_names})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
