// Flamenco's author API as far as a job type script sees it: node flamenco_stub.js SCRIPT.js < settings.json
// Prints the tasks that the script makes, as JSON.
const fs = require("fs");
const vm = require("vm");

class Task {
    constructor(name, type) {
        Object.assign(this, { name, type, commands: [], dependencies: [] });
    }
    addCommand(command) {
        this.commands.push(command);
    }
    addDependency(task) {
        this.dependencies.push(task.name);
    }
}

// Contiguous ranges only: "1-10" by 4 is "1-4", "5-8", "9-10", as Flamenco writes them.
function frameChunker(range, size) {
    const [first, last] = range.split("-").map(Number);
    const chunks = [];
    for (let start = first; start <= last; start += size) {
        const end = Math.min(start + size - 1, last);
        chunks.push(start === end ? `${start}` : `${start}-${end}`);
    }
    return chunks;
}

const world = {
    author: { Task: (name, type) => new Task(name, type), Command: (name, parameters) => ({ name, parameters }) },
    path: require("path").posix,
    frameChunker,
    formatTimestampLocal: () => "2024-01-01_000000",
};
vm.createContext(world);
vm.runInContext(`${fs.readFileSync(process.argv[2], "utf8")}\nvar jobType = JOB_TYPE;`, world);

const settings = {};
for (const setting of world.jobType.settings) {
    if ("default" in setting) settings[setting.key] = setting.default;
}
Object.assign(settings, JSON.parse(fs.readFileSync(0, "utf8")));
for (const setting of world.jobType.settings) {
    if (setting.required && !(setting.key in settings)) throw new Error(`setting ${setting.key} is required`);
}

const tasks = [];
world.compileJob({ name: "job", settings, addTask: (task) => tasks.push(task) });
console.log(JSON.stringify({ jobType: world.jobType, tasks }));
