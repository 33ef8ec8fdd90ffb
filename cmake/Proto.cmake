# rr_add_proto(<room> <file.proto>): compiles it with protobuf-c into the room; the header is "<file>.pb-c.h".
function(rr_add_proto room proto)
    get_filename_component(name ${proto} NAME_WE)
    get_filename_component(source ${proto} ABSOLUTE)
    get_filename_component(folder ${source} DIRECTORY)
    set(out ${PROJECT_BINARY_DIR}/proto/${room})
    file(MAKE_DIRECTORY ${out})
    add_custom_command(
        OUTPUT ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h
        COMMAND ${PROTOC_C} --c_out=${out} --proto_path=${folder} ${source}
        DEPENDS ${source} VERBATIM)
    target_sources(rr_${room} PRIVATE ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h)
    target_include_directories(rr_${room} SYSTEM PRIVATE ${out})
endfunction()

if(TARGET rr_log)
    rr_add_proto(log ${PROJECT_SOURCE_DIR}/src/log/proto/tensorboard.proto)
endif()
