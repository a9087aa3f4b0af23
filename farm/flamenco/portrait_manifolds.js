// A Flamenco job type: photograph -> portrait -> frames in chunks -> film.
// Put this file into the folder `scripts` beside flamenco-manager. Workers need the installed package only; where
// `portrait-manifolds` is not on their PATH, change the setting `program`, or define a variable of the Manager for it.

const JOB_TYPE = {
    label: "Portrait Manifolds animation",
    description: "One portrait photograph to a film of its 3D portrait",
    settings: [
        { key: "photo", type: "string", subtype: "file_path", required: true,
          description: "The photograph of a person who agreed to it; on storage that every worker sees" },
        { key: "output_folder", type: "string", subtype: "dir_path", required: true,
          description: "Gets NAME.portrait, NAME.frames and NAME.mp4; on storage that every worker sees" },
        { key: "name", type: "string", default: "portrait", description: "What the outputs are called" },
        { key: "texture_size", type: "int32", default: 512,
          description: "Side of a sheet's texture in texels: 256, 512 or 1024" },
        { key: "camera_path", type: "string", choices: ["orbit", "swing", "dolly-zoom"], default: "orbit",
          description: "How the camera moves" },
        { key: "frames", type: "int32", default: 96, description: "Number of frames" },
        { key: "chunk_size", type: "int32", default: 24, description: "Frames that a worker draws at a time",
          visible: "submission" },
        { key: "fps", type: "float", default: 24, description: "Frames a second of the film" },
        { key: "size", type: "string", default: "1280x720", description: "WIDTHxHEIGHT of the film in pixels" },
        { key: "samples", type: "int32", default: 2, description: "Rays along each side of a pixel, 1 to 8" },
        { key: "background", type: "string", default: "#808080", description: "Colour behind the head, #rrggbb" },
        { key: "program", type: "string", default: "portrait-manifolds", visible: "web",
          description: "The command line of Portrait Manifolds on the workers" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const output = path.join(settings.output_folder, settings.name);
    const portrait = `${output}.portrait`;
    const frames = `${output}.frames`;

    const reconstruct = programTask(settings, "reconstruct", [
        "reconstruct", settings.photo, "--output", portrait, "--texture-size", settings.texture_size,
    ]);
    job.addTask(reconstruct);

    const encode = programTask(settings, "encode", [
        "encode", frames, "--output", `${output}.mp4`, "--frames", `1..${settings.frames}`,
        "--fps", settings.fps, "--background", settings.background,
    ]);
    for (const chunk of frameChunker(`1-${settings.frames}`, settings.chunk_size)) {
        const draw = programTask(settings, `frames-${chunk}`, [
            "animate", portrait, "--output", frames, "--path", settings.camera_path,
            "--frames", settings.frames, "--only", chunk, "--size", settings.size, "--samples", settings.samples,
        ]);
        draw.addDependency(reconstruct);
        encode.addDependency(draw);
        job.addTask(draw);
    }
    job.addTask(encode);
}

// One run of the command line as a task; Flamenco's `exec` takes its arguments as text.
function programTask(settings, name, args) {
    const task = author.Task(name, "misc");
    task.addCommand(author.Command("exec", { exe: settings.program, args: args.map(String) }));
    return task;
}
